"""The key by which KEDA shows that it acts for somebody who may read the ScaledObject of one pipeline."""

import hmac
from typing import Final

HEADER: Final = "X-OrderPipeline-Key"


def scaling_key(secret: bytes, namespace: str, name: str) -> str:
    """The key of one pipeline, in hex; it tells nothing of `secret` or of another pipeline's key."""
    return hmac.new(secret, f"{namespace}/{name}".encode(), "sha256").hexdigest()


def is_scaling_key(given: str, secret: bytes, namespace: str, name: str) -> bool:
    """Whether it is that pipeline's key; takes as long for any other of the same length."""
    return hmac.compare_digest(given.encode(), scaling_key(secret, namespace, name).encode())
