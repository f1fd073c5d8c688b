"""A reader that stands for the Kubernetes API."""

from orderpipeline_operator.domain.kubernetes.kinds import Kind, Manifest, Ref
from orderpipeline_operator.errors import ApiError


class Answer:
    """A reader with one answer to all."""

    def __init__(self, answer: Manifest | ApiError) -> None:
        self.answer = answer
        self.asked: list[Ref] = []

    async def get(self, ref: Ref) -> Manifest:
        self.asked.append(ref)
        if isinstance(self.answer, ApiError):
            raise self.answer
        return self.answer

    async def list(self, kind: Kind, namespace: str | None, label_selector: str = "") -> tuple[Manifest, ...]:
        raise AssertionError
