"""Builds the libraries of the console's front end into a wheel; hatchling calls it."""

import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ConsoleAssets(BuildHookInterface):  # type: ignore[type-arg]
    """Runs hack/console-assets, except for an editable install, whose files `make` builds in."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the files are collected. CalledProcessError if it fails."""
        if version != "editable":
            subprocess.run([Path(self.root) / "hack/console-assets"], check=True)
