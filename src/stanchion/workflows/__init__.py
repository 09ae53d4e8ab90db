"""Workflows: ordinary async Python whose every step is recorded, replayed and resumed.

Owns the definition, the run's face, lanes and replay, effects with their recovery, the agent's
loop. Holds no storage details and doesn't decide who calls ``advance``.
"""

from stanchion.workflows._advance import advance
from stanchion.workflows._agent import AgentResult
from stanchion.workflows._budget import Budget, Ceiling, read_amount, shown_amount
from stanchion.workflows._checkpoint import Checkpoint, PerformedWrite, digests_in
from stanchion.workflows._clock import Clock, SystemClock
from stanchion.workflows._here import current_step
from stanchion.workflows._host import Host, ReplayMode
from stanchion.workflows._incarnation import Incarnation
from stanchion.workflows._lineage import started_by
from stanchion.workflows._raising import raise_ceiling
from stanchion.workflows._run import Run
from stanchion.workflows._tree import spent_by, steps_of
from stanchion.workflows._workflow import Workflow, Workflows, workflow

__all__ = [
    "AgentResult",
    "Budget",
    "Ceiling",
    "Checkpoint",
    "Clock",
    "Host",
    "Incarnation",
    "PerformedWrite",
    "ReplayMode",
    "Run",
    "SystemClock",
    "Workflow",
    "Workflows",
    "advance",
    "current_step",
    "digests_in",
    "raise_ceiling",
    "read_amount",
    "shown_amount",
    "spent_by",
    "started_by",
    "steps_of",
    "workflow",
]
