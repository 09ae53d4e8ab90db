"""A destination of spans in memory, which answers as a test wants."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from stanchion.observe import Response, Span

__all__ = ["FakeCollector"]

Answers: TypeAlias = Iterable[Response] | Callable[[Sequence[Span]], Response]

TAKEN = Response(200)


class FakeCollector:
    """Takes what it is sent, or answers from a script first; keeps what it took."""

    def __init__(self, answers: Answers = ()) -> None:
        self._answer = answers if callable(answers) else None
        self._script = iter(() if callable(answers) else answers)
        self.requests: list[tuple[Span, ...]] = []
        """Everything that was sent."""
        self.taken: dict[bytes, Span] = {}
        """What was taken, by span id, the newest of each."""

    async def send(self, spans: Sequence[Span]) -> Response:
        """Answer, and take the spans if the answer is a success that rejects none."""
        self.requests.append(tuple(spans))
        answer = self._answer(spans) if self._answer else next(self._script, TAKEN)
        if answer.status == 200 and not answer.rejected:
            self.taken |= {span.span_id: span for span in spans}
        return answer

    async def close(self) -> None:
        """Do nothing."""
