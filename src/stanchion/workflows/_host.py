"""What a run needs from its surroundings, in one object.

Built by the engine's app, handed to every incarnation. It holds nothing of a single run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from stanchion.context import Calibration
from stanchion.errors import ConfigurationError
from stanchion.ledger import Store
from stanchion.models import Embedder, Model, Price
from stanchion.review import EVERYBODY, Reviewers
from stanchion.tools import Circuit, Rate
from stanchion.workflows._budget import Ceiling
from stanchion.workflows._clock import Clock, SystemClock
from stanchion.workflows._workflow import Workflows

__all__ = ["Host", "ReplayMode"]

VARIABLE = "STANCHION_TEST_REPLAY"


@dataclass(frozen=True, slots=True)
class ReplayMode:
    """How hard a test wants replay to work."""

    everywhere: bool = False
    """Suspend and replay at every await."""
    seed: int | None = None
    """Shuffle the order in which lanes get their replayed results."""

    @classmethod
    def from_environment(cls) -> ReplayMode:
        """Return the mode that ``STANCHION_TEST_REPLAY=SEED`` asks a whole test suite for."""
        sys.audit("stanchion.replay_mode")  # so that tests know which of them it can change
        seed = os.environ.get(VARIABLE)
        return cls() if not seed else cls(everywhere=True, seed=int(seed))


@dataclass(frozen=True, slots=True)
class Host:
    """The surroundings of a run."""

    store: Store
    workflows: Workflows
    worker: str
    models: Mapping[str, Model] = field(default_factory=dict[str, Model])
    """Models by role."""
    deps: Any = None
    """The application's own resources, never serialised."""
    clock: Clock = field(default_factory=SystemClock)
    grace: timedelta = timedelta(seconds=5)
    """How long after a lost write's last possible moment its target is asked."""
    approval_timeout: timedelta = timedelta()
    """How long an approval is waited for, where the workflow doesn't say; zero is for ever."""
    notify: Callable[[str], None] = lambda run: None
    """Called with the id of a run that has a new message or was just created."""
    replay: ReplayMode = field(default_factory=ReplayMode.from_environment)
    reviewers: Reviewers = EVERYBODY
    """Who has which role, for questions that need one."""
    rate: Rate | None = None
    """Of all calls of tools by the runs of each tenant."""
    embedder: Embedder | None = None
    """Finds memories by what they mean, beside the words they have."""
    ceilings: tuple[Ceiling, ...] = ()
    """What runs may spend together."""
    prices: Mapping[str, Price] = field(default_factory=dict[str, Price])
    """The operator's own, by a model's name; they come before the listed ones."""
    circuits: dict[str, Circuit] = field(default_factory=dict[str, Circuit])
    """What this process last saw of the tools' breakers, by this host's clock."""
    calibrations: dict[str, Calibration] = field(default_factory=dict[str, Calibration])
    """How estimates of tokens compare with what providers report, by the model's name."""

    def model(self, role: str) -> Model:
        """Return the model of a role; raise ConfigurationError if there is none."""
        model = self.models.get(role)
        if model is None:
            raise ConfigurationError(
                f"no model is configured for the role {role!r}",
                remedy=f"give the app one: Stanchion(models={{{role!r}: 'local:smollm2'}})",
            )
        return model
