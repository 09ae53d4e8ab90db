"""The core shapes, in one file to read first.

Frozen records that every room shares. They hold facts, never behaviour: nothing here reads a
runtime, a clock or a store. Messages follow the OpenTelemetry GenAI semantic conventions
(``gen_ai.input.messages`` and ``gen_ai.output.messages``, revision 1.38), so that what a model was
sent, what the ledger keeps and what a trace shows are one form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, Literal, TypeAlias

from typing_extensions import TypeAliasType, TypeVar

__all__ = [
    "ANYBODY",
    "Action",
    "Decision",
    "FinishReason",
    "Integrity",
    "Json",
    "Label",
    "Message",
    "Money",
    "Part",
    "Principal",
    "Question",
    "QuestionKind",
    "ReasoningPart",
    "RunState",
    "Step",
    "TextPart",
    "ToolCall",
    "ToolCallPart",
    "ToolError",
    "ToolResponsePart",
    "ToolResult",
    "Usage",
    "Who",
]

T_co = TypeVar("T_co", covariant=True, default=Any)

Json = TypeAliasType(
    "Json", "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
)
"""A JSON value."""


# Models ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TextPart:
    """Text written by a person, a program or a model."""

    content: str
    type: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class ReasoningPart:
    """Reasoning that a model showed before its answer."""

    content: str
    type: Literal["reasoning"] = "reasoning"


@dataclass(frozen=True, slots=True)
class ToolCallPart:
    """A model's request to call a tool."""

    id: str
    name: str
    arguments: Json
    """The arguments as the model gave them: normally an object, a string if it wasn't JSON."""
    type: Literal["tool_call"] = "tool_call"


@dataclass(frozen=True, slots=True)
class ToolResponsePart:
    """What a tool answered to the call with the same id."""

    id: str
    response: Json
    type: Literal["tool_call_response"] = "tool_call_response"


Part: TypeAlias = TextPart | ReasoningPart | ToolCallPart | ToolResponsePart


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation with a model."""

    role: Literal["system", "user", "assistant", "tool"]
    parts: tuple[Part, ...]


class FinishReason(StrEnum):
    """Why a model stopped, in the terms of ``gen_ai.response.finish_reasons``."""

    STOP = "stop"
    LENGTH = "length"
    CONTENT_FILTER = "content_filter"
    TOOL_CALLS = "tool_calls"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that one or more model calls used, as the provider reported them."""

    input_tokens: int = 0
    """All tokens read, cached ones included."""
    output_tokens: int = 0
    """All tokens written, reasoning included."""
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in one currency (ISO 4217)."""

    amount: Decimal
    currency: str = "USD"


# Tools -------------------------------------------------------------------------------------------


class Action(StrEnum):
    """The one thing a model should do about an error."""

    FIX_ARGUMENTS = "fix_arguments"
    ASK_USER = "ask_user"
    WAIT = "wait"
    USE_OTHER_TOOL = "use_other_tool"
    ESCALATE = "escalate"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class ToolError:
    """A structured error that a model can act on, shaped as problem details (RFC 9457)."""

    code: str
    """A stable snake_case name, the last part of the problem's ``type``."""
    problem: str
    """What is wrong, in one sentence, without text from outside."""
    action: Action
    field: str | None = None
    """The argument concerned, as declared in the contract."""
    expected: str | None = None
    received: Json = None
    retryable: bool = False
    retry_after: float | None = None
    """Seconds to wait before calling again."""
    do_not: str | None = None
    """What a model tends to do here and must not, for example "do not guess an account number"."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool on its way through the gateway."""

    tool: str
    arguments: Mapping[str, Any]
    """Validated Python values by parameter name; before validation, what the caller gave."""
    origin: Literal["code", "model"] = "code"
    call_id: str = ""
    """The model's id for this call; empty when code calls."""
    key: str = ""
    """The idempotency key minted by the runtime; empty for reads."""
    attempt: int = 1
    verdicts: tuple[tuple[str, str], ...] = ()
    """What the layers passed so far said, as (layer, verdict), in order."""
    handles: tuple[str, ...] = ()
    """Arguments that were given, wholly or in part, by handles of values nobody vouches for."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a call: a value, or an error if ``error`` is set."""

    value: Any = None
    error: ToolError | None = None
    verdicts: tuple[tuple[str, str], ...] = ()
    """What each layer of the gateway said, as (layer, verdict), in order."""
    notice: Mapping[str, Json] = field(default_factory=dict[str, Json])
    """What a model reads beside the value, if there is something to say about how it came to be."""


# Trust -------------------------------------------------------------------------------------------


class Integrity(StrEnum):
    """How far a value may steer an effect."""

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"


@dataclass(frozen=True, slots=True)
class Label:
    """Where a value comes from and who may read it. Unknown is untrusted."""

    integrity: Integrity = Integrity.UNTRUSTED
    readers: frozenset[str] | None = None
    """Who may read it; None is everybody."""
    origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody on whose behalf a run acts, as the channel authenticated them."""

    id: str
    kind: Literal["operator", "initiator", "counterparty"] = "initiator"
    claims: Mapping[str, str] = field(default_factory=dict[str, str])
    """Facts that the channel vouches for, such as the customer's own account number."""


# Decisions and review ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Decision(Generic[T_co]):
    """What a decision node chose, and how sure it is."""

    value: T_co
    confidence: float
    """Probability that ``value`` is right, 0 to 1, as estimated by ``method``."""
    alternatives: tuple[tuple[str, float], ...] = ()
    """The options with their probabilities, likeliest first."""
    method: Literal["token_probabilities", "repeated_samples", "person"] = "token_probabilities"
    decided_by: Literal["model", "person"] = "model"
    threshold: float = 0.0


class QuestionKind(StrEnum):
    """What a person is asked for."""

    APPROVAL = "approval"
    """May this exact call run?"""
    UNKNOWN = "unknown"
    """Did this call happen?"""
    DECISION = "decision"
    """Which of these options?"""
    INPUT = "input"
    """A value that only a person has."""
    UNDO = "undo"
    """Have these effects, which couldn't be undone, been settled by hand?"""
    CEILING = "ceiling"
    """May the run spend more than its budget says?"""


@dataclass(frozen=True, slots=True)
class Who:
    """Who may answer a question. The default is anybody."""

    roles: tuple[str, ...] = ()
    """One of these roles is needed."""
    not_by: tuple[str, ...] = ()
    """Who may not, whatever their roles: the requester, or who has approved already."""
    escalates: tuple[tuple[float, tuple[str, ...]], ...] = ()
    """Roles that may answer as well once so many seconds have passed since it was asked."""
    reminds: tuple[float, ...] = ()
    """Seconds after which those who may answer are told again."""


ANYBODY = Who()


@dataclass(frozen=True, slots=True)
class Question:
    """A question to a person, bound to the digest of exactly what it is about."""

    id: str
    run: str
    kind: QuestionKind
    prompt: str
    """One sentence to read, made from runtime facts."""
    digest: str
    """Hex digest of what is asked about; an answer to another digest is refused."""
    subject: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The exact call, the options, the evidence: what the person sees."""
    reason: str = ""
    """Why a person is asked and not the machine."""
    choices: tuple[str, ...] = ()
    answer_schema: Mapping[str, Any] | None = None
    """JSON schema of the value that an answer carries, if it carries one."""
    asked_at: datetime | None = None
    expires_at: datetime | None = None
    who: Who = ANYBODY
    """Who may answer."""


# Runs --------------------------------------------------------------------------------------------


class RunState(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    HANDED_OVER = "handed_over"


@dataclass(frozen=True, slots=True)
class Step:
    """One external interaction of a run, put together from its ledger entries."""

    lane: str
    ordinal: int
    kind: str
    name: str
    status: Literal["open", "waiting", "intent", "unknown", "ok", "error"]
    started_at: datetime
    ended_at: datetime | None = None
    request: str | None = None
    """Hex digest of the request's payload."""
    result: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    children: tuple[Step, ...] = ()
    seq: int = 0
    """The number of the entry that says how the step stands: its outcome, once it has one."""
