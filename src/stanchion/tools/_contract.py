"""What a tool promises: its arguments, its result, its effect, and the help its target gives.

A contract is made from a typed function when it is registered and never changes. The capabilities
of a write (``accepts_key``, ``reconcile``, ``compensate``) are all that recovery looks at; the
operator alone sets effect and trust. The digest covers everything that a model, a reviewer or
recovery relies on, so that an approval of one contract isn't one of another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, Protocol, TypeAlias

from stanchion.errors import EncodingError
from stanchion.ledger import Codec, Payload
from stanchion.models import ToolSpec
from stanchion.tools._breaker import Breaker
from stanchion.tools._bucket import Rate
from stanchion.tools._compensation import Compensation
from stanchion.tools._outcomes import BadResult
from stanchion.tools._retry import RetryPolicy
from stanchion.tools._schema import at_path
from stanchion.trust import Asked

__all__ = ["Arguments", "Contract", "Effect"]

Effect: TypeAlias = Literal["read", "write"]


class Arguments(Protocol):
    """What a tool takes: declared by a function's types, or by a JSON schema from elsewhere."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def schema(self) -> Mapping[str, Any]:
        """JSON schema of the arguments, an object."""
        ...

    @property
    def types(self) -> Mapping[str, Any]:
        """The Python type of each argument's values."""
        ...

    @property
    def max_bytes(self) -> int: ...
    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Name a call's arguments; raise TypeError where a call would."""
        ...

    def validate(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return values by name; raise pydantic.ValidationError or EncodingError."""
        ...

    def encode(self, arguments: Mapping[str, Any]) -> bytes:
        """Return the canonical bytes, the same for the same values."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contract:
    """A registered tool's contract."""

    name: str
    description: str
    effect: Effect
    trusted: bool
    """Whether its results are facts; who chose them is another question."""
    accepts_key: bool
    """The target recognises a repeated idempotency key."""
    key_validity: timedelta | None
    """How long the target keeps keys; None is for good."""
    reconcile: Callable[..., Any] | None
    """``async (call, **arguments) -> Happened | DidNotHappen | CantTell``."""
    compensate: Compensation | None
    """What undoes the effect."""
    needs_review: bool
    """A person sees every call, whatever is allowed."""
    timeout: timedelta
    retry: RetryPolicy
    rate: Rate | None
    """Of all calls of the tool, by all runs together."""
    heartbeat: timedelta | None
    """For how long the body may show no sign of life; None says that it shows none."""
    fresh: timedelta | None
    """For how long a read's answer holds; None if nothing is known of that."""
    breaker: Breaker | None
    targets: Mapping[str, Any]
    """Arguments that say on whom or what the tool acts, with the role each plays."""
    content: frozenset[str]
    """Arguments that are written for a reader."""
    asked: Asked | None
    """How people ask for it; None if a model may call it unasked."""
    private: bool
    """Whether its results are for the initiator alone."""
    arguments: Arguments
    result: Codec[Any]
    parameters: Mapping[str, Any]
    """JSON schema of the arguments, an object."""
    returns: Mapping[str, Any]
    """JSON schema of the result."""
    examples: tuple[Mapping[str, Any], ...]
    max_result_bytes: int
    takes_context: bool
    is_async: bool
    version: str
    digest: str
    """Hex SHA-256 of all that is declared above."""
    notes: tuple[str, ...]
    """What to know or mend: lint findings and limits that follow from the definition."""

    @property
    def irreversible(self) -> bool:
        """Whether nothing undoes a call."""
        return self.effect == "write" and self.compensate is None

    def role_of(self, argument: str) -> str:
        """Return the name of the role that an argument plays: its own, unless declared."""
        role = self.targets.get(argument, argument)
        return role if isinstance(role, str) else getattr(role, "__name__", argument)

    def schema_of(self, field: str) -> Mapping[str, Any] | None:
        """Return the schema of an argument, or of a part of one (dotted), None if undeclared."""
        found, schema = at_path(self.parameters, field.split("."))
        if found != field:
            return None
        shared = {"$defs": self.parameters["$defs"]} if "$defs" in self.parameters else {}
        return {**schema, **shared}

    def is_default(self, argument: str, value: Any) -> bool:
        """Tell whether an argument, as JSON, is what the contract fills in when it is left out."""
        schema: Mapping[str, Any] = self.parameters.get("properties", {}).get(argument, {})
        return "default" in schema and schema["default"] == value

    def spec(self) -> ToolSpec:
        """Return the tool as a model sees it: no context, no key, no capability."""
        return ToolSpec(self.name, self.description, self.parameters)

    def validate(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return typed arguments; raise pydantic.ValidationError or EncodingError."""
        return self.arguments.validate(arguments)

    def encode_arguments(self, arguments: Mapping[str, Any]) -> bytes:
        """Return the canonical bytes of a call's arguments."""
        return self.arguments.encode(arguments)

    def encode_result(self, value: Any) -> Payload:
        """Return the result's payload; raise BadResult if the contract rules it out."""
        try:
            payload = self.result.encode(value, what=f"the result of {self.name}")
        except EncodingError as error:
            raise self._bad(error) from error
        if len(payload.data) > self.max_result_bytes:
            raise BadResult(
                f"the result of {self.name} has {len(payload.data):,} bytes, over its limit of "
                f"{self.max_result_bytes:,}",
                remedy="return less, or raise max_result_bytes",
                too_large=True,
            )
        return payload

    def round_trip(self, value: Any) -> Any:
        """Return the result as replay will see it; raise BadResult if the contract rules it out."""
        data = self.encode_result(value).data
        try:
            return self.decode_result(data)
        except EncodingError as error:
            raise self._bad(error) from error

    def decode_result(self, data: bytes) -> Any:
        """Return a recorded result as the typed value that the body returned."""
        return self.result.decode(data, what=f"result of {self.name}")

    def _bad(self, error: EncodingError) -> BadResult:
        return BadResult(
            f"{self.name} returned what its contract rules out: {error.message}",
            remedy=error.remedy,
        )
