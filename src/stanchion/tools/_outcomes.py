"""What a tool's author says about an effect: it happened, it didn't, nobody can tell.

Three answers that a reconciler gives about a call whose outcome is unknown, and one exception with
which a body declares that nothing happened. Everything else that leaves a write's body is unknown:
an exception isn't evidence that nothing was done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeAlias

from typing_extensions import TypeVar

from stanchion.errors import StanchionError
from stanchion.values import Action, ToolError

__all__ = [
    "BadResult",
    "CantTell",
    "DidNotHappen",
    "Happened",
    "NotPerformed",
    "Reconciled",
]

T_co = TypeVar("T_co", covariant=True, default=Any)


@dataclass(frozen=True, slots=True)
class Happened(Generic[T_co]):
    """The target has done it; ``result`` is what the call would have returned."""

    result: T_co


@dataclass(frozen=True, slots=True)
class DidNotHappen:
    """The target has not done it and, with its deadline past, never will for that call."""


@dataclass(frozen=True, slots=True)
class CantTell:
    """The target doesn't know either; a person is asked."""

    reason: str


Reconciled: TypeAlias = Happened[Any] | DidNotHappen | CantTell


class NotPerformed(StanchionError):
    """Raised by a tool's body: nothing was changed, and ``error`` says why.

    In a write it is a promise to the runtime, which then needn't ask whether the call happened;
    raise it only where nothing can have been sent. In a read it is how to answer with a structured
    error. A text stands for an error that no other arguments would mend.
    """

    code = "not_performed"

    def __init__(self, error: ToolError | str) -> None:
        self.error = error if isinstance(error, ToolError) else _plain(error)
        super().__init__(self.error.problem)

    def __reduce__(self) -> tuple[type[NotPerformed], tuple[ToolError]]:
        return NotPerformed, (self.error,)


class BadResult(StanchionError):
    """A tool's body returned what its own contract rules out: another type, or too many bytes.

    From a write it means that the effect happened and its result is lost: unknown.
    """

    code = "bad_result"


def _plain(problem: str) -> ToolError:
    return ToolError(code=NotPerformed.code, problem=problem, action=Action.STOP)
