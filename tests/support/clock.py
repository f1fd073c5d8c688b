"""Time for the tests of what waits."""

from datetime import datetime, timedelta, tzinfo
from types import SimpleNamespace

import pytest
from kubernetes.aio.config import incluster_config


def later(monkeypatch: pytest.MonkeyPatch, *, minutes: float) -> None:
    """Let the Kubernetes client believe that minutes have passed; it reads a pod's token anew once a minute."""

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Later":
            moved = datetime.now(tz) + timedelta(minutes=minutes)
            return cls.fromtimestamp(moved.timestamp(), tz)

    monkeypatch.setattr(incluster_config, "datetime", SimpleNamespace(datetime=Later, timedelta=timedelta))
