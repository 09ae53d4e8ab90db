"""Tools: typed contracts, the gateway that every call passes, and what follows a failure.

Owns contracts, validation, structured errors, layers, limits, execution of bodies and the decision
about unknown outcomes. Holds no workflow logic: layers for policy and review, shared states, and
the core that writes intents, are injected.
"""

from stanchion.tools._bare import bare_contract
from stanchion.tools._breaker import Breaker, Circuit, speaks_of_target
from stanchion.tools._bucket import Rate, Taken, TooEarly
from stanchion.tools._call import call
from stanchion.tools._caller import CIRCLES, Caller, calling, current_caller
from stanchion.tools._compensate import ask_whether_undone, compensate, compensation_of
from stanchion.tools._compensation import Compensation
from stanchion.tools._context import CallContext
from stanchion.tools._contract import Contract, Effect
from stanchion.tools._errors import render_error, translate, unknown_outcome
from stanchion.tools._execute import ask_reconciler, execute_body, perform
from stanchion.tools._gateway import Gateway, Layer, Next, asks, compose, note, stop
from stanchion.tools._ground import Known, ground
from stanchion.tools._judge import Policy, judge
from stanchion.tools._keys import mint_key
from stanchion.tools._limit import Admit, Answer, Gate, Hold, Refuse, Said, limit
from stanchion.tools._lint import Finding, Lint, lint
from stanchion.tools._loops import NOTICE_AT, STUCK, CallHistory, Recall, Seen
from stanchion.tools._outcomes import (
    BadResult,
    CantTell,
    DidNotHappen,
    Happened,
    NotPerformed,
    Reconciled,
)
from stanchion.tools._pulse import Pulse
from stanchion.tools._recovery import (
    GRACE,
    AskPerson,
    CallAgain,
    Move,
    Reconcile,
    UseLate,
    UseResult,
    WaitUntil,
    next_move,
    silent_from,
)
from stanchion.tools._registration import Declaration
from stanchion.tools._retry import RetryPolicy
from stanchion.tools._review import (
    Approved,
    Asker,
    Edited,
    Rejected,
    Reviewed,
    Unanswered,
    review,
)
from stanchion.tools._tool import Register, Tool, by_name, tool
from stanchion.tools._validate import validate
from stanchion.tools._within import within

__all__ = [
    "CIRCLES",
    "GRACE",
    "NOTICE_AT",
    "STUCK",
    "Admit",
    "Answer",
    "Approved",
    "AskPerson",
    "Asker",
    "BadResult",
    "Breaker",
    "CallAgain",
    "CallContext",
    "CallHistory",
    "Caller",
    "CantTell",
    "Circuit",
    "Compensation",
    "Contract",
    "Declaration",
    "DidNotHappen",
    "Edited",
    "Effect",
    "Finding",
    "Gate",
    "Gateway",
    "Happened",
    "Hold",
    "Known",
    "Layer",
    "Lint",
    "Move",
    "Next",
    "NotPerformed",
    "Policy",
    "Pulse",
    "Rate",
    "Recall",
    "Reconcile",
    "Reconciled",
    "Refuse",
    "Register",
    "Rejected",
    "RetryPolicy",
    "Reviewed",
    "Said",
    "Seen",
    "Taken",
    "TooEarly",
    "Tool",
    "Unanswered",
    "UseLate",
    "UseResult",
    "WaitUntil",
    "ask_reconciler",
    "ask_whether_undone",
    "asks",
    "bare_contract",
    "by_name",
    "call",
    "calling",
    "compensate",
    "compensation_of",
    "compose",
    "current_caller",
    "execute_body",
    "ground",
    "judge",
    "limit",
    "lint",
    "mint_key",
    "next_move",
    "note",
    "perform",
    "render_error",
    "review",
    "silent_from",
    "speaks_of_target",
    "stop",
    "tool",
    "translate",
    "unknown_outcome",
    "validate",
    "within",
]
