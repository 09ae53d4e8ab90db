"""Stanchion: a production runtime for LLM agents.

Well-structured workflows in ordinary async Python, one ledger that records every interaction with
the outside, tools with contracts, and a person before anything irreversible. Names are imported
when first used, so that ``import stanchion`` stays quick.
"""

# Lazy names aren't in the module until first used:
# pyright: reportUnsupportedDunderAll=false

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Action": "values",
    "AgentResult": "workflows",
    "Breaker": "tools",
    "Budget": "workflows",
    "BudgetExceeded": "errors",
    "CallContext": "tools",
    "CantTell": "tools",
    "Ceiling": "workflows",
    "Decision": "values",
    "Denied": "errors",
    "DidNotHappen": "tools",
    "Durability": "ledger",
    "Expired": "errors",
    "Happened": "tools",
    "ModelFailed": "errors",
    "Money": "values",
    "NotPerformed": "tools",
    "Principal": "values",
    "Rate": "tools",
    "Refused": "errors",
    "Run": "workflows",
    "Reviewer": "review",
    "RunHandle": "engine",
    "Settings": "engine",
    "StanchionError": "errors",
    "Stanchion": "engine",
    "StepFailed": "errors",
    "ToolError": "values",
    "ToolFailed": "errors",
    "Untrusted": "trust",
    "allow": "trust",
    "approvers": "review",
    "tool": "tools",
    "workflow": "workflows",
}

__all__ = [
    "Action",
    "AgentResult",
    "Breaker",
    "Budget",
    "BudgetExceeded",
    "CallContext",
    "CantTell",
    "Ceiling",
    "Decision",
    "Denied",
    "DidNotHappen",
    "Durability",
    "Expired",
    "Happened",
    "ModelFailed",
    "Money",
    "NotPerformed",
    "Principal",
    "Rate",
    "Refused",
    "Reviewer",
    "Run",
    "RunHandle",
    "Settings",
    "Stanchion",
    "StanchionError",
    "StepFailed",
    "ToolError",
    "ToolFailed",
    "Untrusted",
    "allow",
    "approvers",
    "tool",
    "workflow",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'stanchion' has no attribute {name!r}")
    return getattr(importlib.import_module(f"stanchion.{home}"), name)
