"""Replays CDNOW's purchases into an order API: `.venv/bin/python examples/replay.py --url http://shop.localhost:8080`."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "services" / "embedded"))  # so that only aiohttp has to be installed

from orderpipeline_embedded.demo.replay import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
