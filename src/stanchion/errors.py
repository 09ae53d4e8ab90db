"""The error tree.

Each class says when it happens; each message says what to do. Facts are attributes, ``code`` is
stable.

    StanchionError
    ├── ConfigurationError      the set-up can't work: a missing extra, model, version or setting
    │   ├── ContractError       a tool or workflow definition is refused at registration
    │   └── MissingDependency   an optional package isn't installed
    ├── LedgerError             the store can't do what was asked; nothing was half written
    │   ├── StoreUnavailable    locked, full or unreachable: the same call may succeed later
    │   ├── StoreCorrupt        what is stored contradicts its own digests
    │   ├── SchemaMismatch      written by a newer version, or not yet migrated
    │   └── EncodingError       a value can't be stored: not encodable, too large, too deep
    ├── WorkflowError           the workflow's code broke a rule of replay
    │   ├── NonDeterminismError the code no longer matches what the run recorded
    │   ├── ConcurrentScopeError two steps at once in one lane
    │   └── BareToolCallError   a tool was called around its gateway
    ├── ModelError              a model's provider failed or answered with nonsense
    │   ├── ModelUnavailable    overload, rate limit, time-out, connection: worth a retry
    │   ├── ModelRefused        bad request, credentials, quota: a retry won't help
    │   └── InvalidResponse     the answer doesn't fit the schema after bounded repair
    ├── ContextError            what a model would be sent isn't as it must be; nothing was sent
    │   ├── PinnedMissing       a pinned text isn't in the request, word for word
    │   └── WindowOverflow      what must be sent doesn't fit the window
    ├── StepError               what a step raises in a workflow; recorded, the same on replay
    │   ├── ToolFailed          the tool answered with a structured error
    │   ├── Refused             policy forbids this call
    │   ├── Denied              a person said no
    │   ├── Expired             nobody answered in time
    │   ├── BudgetExceeded      a ceiling was reached, and nobody raised it
    │   ├── StepFailed          a recorded function raised
    │   └── ModelFailed         every model of the role failed
    ├── DestinationFailed       spans can't be exported there now; none of them is lost
    └── RunError                what waiting for a run's result raises
        ├── RunFailed
        ├── RunCancelled
        └── RunNotFound
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

__all__ = [
    "BareToolCallError",
    "BudgetExceeded",
    "ConcurrentScopeError",
    "ConfigurationError",
    "ContextError",
    "ContractError",
    "Denied",
    "DestinationFailed",
    "EncodingError",
    "Expired",
    "InvalidResponse",
    "LedgerError",
    "MissingDependency",
    "ModelError",
    "ModelFailed",
    "ModelRefused",
    "ModelUnavailable",
    "NonDeterminismError",
    "PinnedMissing",
    "Refused",
    "RunCancelled",
    "RunError",
    "RunFailed",
    "RunNotFound",
    "SchemaMismatch",
    "StanchionError",
    "StepError",
    "StepFailed",
    "StoreCorrupt",
    "StoreUnavailable",
    "ToolFailed",
    "WindowOverflow",
    "WorkflowError",
]


class StanchionError(Exception):
    """Anything that Stanchion raises on purpose."""

    code: ClassVar[str] = "stanchion"

    def __init__(self, message: str, *, remedy: str = "", **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        """What to do about it, one sentence."""
        self.facts: Mapping[str, Any] = facts

    def __str__(self) -> str:
        return f"{self.message}\n  remedy: {self.remedy}" if self.remedy else self.message


class ConfigurationError(StanchionError):
    """The set-up can't work as it is."""

    code = "configuration"


class ContractError(ConfigurationError):
    """A tool or a workflow is defined in a way that can't be run or understood."""

    code = "contract"


class MissingDependency(ConfigurationError):
    """An optional package is needed; the remedy names the extra to install."""

    code = "missing_dependency"


class LedgerError(StanchionError):
    """The store can't do what was asked."""

    code = "ledger"


class StoreUnavailable(LedgerError):
    """The store is locked, full or out of reach; nothing was written."""

    code = "store_unavailable"


class StoreCorrupt(LedgerError):
    """What is stored contradicts its own digests or isn't a database."""

    code = "store_corrupt"


class SchemaMismatch(LedgerError):
    """The store was written by a newer version of Stanchion, or isn't a ledger."""

    code = "schema_mismatch"


class EncodingError(LedgerError):
    """A value can't be kept in the ledger."""

    code = "encoding"


class WorkflowError(StanchionError):
    """The workflow's code broke a rule that replay needs."""

    code = "workflow"


class NonDeterminismError(WorkflowError):
    """The code asks for another step than the one recorded at this place; nothing was called."""

    code = "non_determinism"


class ConcurrentScopeError(WorkflowError):
    """Two steps at once in one lane; ``run.gather`` gives each branch its own."""

    code = "concurrent_scope"


class BareToolCallError(WorkflowError):
    """A tool was called directly inside a workflow; ``run.call`` goes through the gateway."""

    code = "bare_tool_call"


class ModelError(StanchionError):
    """A model's provider failed."""

    code = "model"


class ModelUnavailable(ModelError):
    """Overload, rate limit, time-out or connection: the same request may succeed later.

    ``facts["retry_after"]`` holds the seconds the provider asked for, if it did.
    """

    code = "model_unavailable"


class ModelRefused(ModelError):
    """Bad request, credentials or quota: the same request won't succeed."""

    code = "model_refused"


class InvalidResponse(ModelError):
    """The answer doesn't fit what was asked for, after the bounded number of repairs."""

    code = "invalid_response"


class ContextError(StanchionError):
    """What a model would be sent isn't as it must be; it wasn't sent."""

    code = "context"


class PinnedMissing(ContextError):
    """The goal, or another pinned text, isn't in the request word for word."""

    code = "pinned_missing"


class WindowOverflow(ContextError):
    """What must be sent doesn't fit the window, whatever is summarised."""

    code = "window_overflow"


class StepError(StanchionError):
    """What a step raises inside a workflow. Recorded in the ledger and equal on replay."""

    code = "step"


class ToolFailed(StepError):
    """The tool answered with a structured error, in ``facts["error"]`` (a ToolError's fields)."""

    code = "tool_failed"


class Refused(StepError):
    """Policy forbids this call; ``facts["rule"]`` names the rule."""

    code = "refused"


class Denied(StepError):
    """A person said no; ``facts["by"]`` and ``facts["comment"]`` say who and why."""

    code = "denied"


class Expired(StepError):
    """Nobody answered before the deadline, or a time limit passed."""

    code = "expired"


class BudgetExceeded(StepError):
    """A ceiling was reached and nobody raised it; nothing was called.

    ``facts`` hold the ``account``, the ``quantity`` and ``by``, who said no (empty if nobody did).
    """

    code = "budget_exceeded"


class StepFailed(StepError):
    """A function run by ``run.step`` raised; ``facts["type"]`` names the exception."""

    code = "step_failed"


class ModelFailed(StepError):
    """No model of the role gave a usable answer; ``facts["attempts"]`` lists what each said."""

    code = "model_failed"


class DestinationFailed(StanchionError):
    """A destination of an export takes nothing; the export goes on from there next time."""

    code = "destination_failed"


class RunError(StanchionError):
    """The result of a run can't be had."""

    code = "run"


class RunFailed(RunError):
    """The run ended in failure; the message is its reason."""

    code = "run_failed"


class RunCancelled(RunError):
    """The run was cancelled."""

    code = "run_cancelled"


class RunNotFound(RunError):
    """No run with this id in this ledger."""

    code = "run_not_found"
