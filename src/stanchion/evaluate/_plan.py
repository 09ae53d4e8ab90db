"""What an upgrade must show, fixed before its results are seen: margin, error, planned cases."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stanchion.errors import ConfigurationError

__all__ = ["GatePlan", "plan_gate"]


@dataclass(frozen=True, slots=True)
class GatePlan:
    """What is judged, and how hard; a wrong guess costs cases, never validity."""

    margin: float
    """How much worse the candidate may be: 0.03 is three points."""
    alpha: float = 0.05
    """How often a candidate that is worse by the margin passes, and a good one fails, at most."""
    discordance: float = 0.2
    """The expected mean squared difference of a case: for 0 and 1, the share that differs."""
    group_size: float = 1.0
    icc: float = 0.0
    planned: int = 0
    """Cases after which an equally good candidate has passed with the wanted power; 0: not set."""
    maximum: int = 0
    """Cases after which there is no further look; 0: all there are."""

    def __post_init__(self) -> None:
        if not 0 < self.margin < 1 or not 0 < self.alpha < 0.5:
            raise ConfigurationError(
                f"a margin of {self.margin:g} with an error of {self.alpha:g} can't be judged",
                remedy="give a margin between 0 and 1 and an error between 0 and 0.5",
            )
        if not 0 < self.discordance <= 1 or not 0 <= self.icc <= 1 or self.group_size < 1:
            raise ConfigurationError(
                f"a discordance of {self.discordance:g} in groups of {self.group_size:g} with an "
                f"ICC of {self.icc:g} can't be",
                remedy="give a discordance up to 1, an ICC from 0 to 1, groups of 1 or more",
            )

    @property
    def variance(self) -> float:
        """Return the variance that is expected of a group's mean difference."""
        return self.discordance * (1 + (self.group_size - 1) * self.icc) / self.group_size


def plan_gate(
    margin: float,
    *,
    discordance: float = 0.2,
    group_size: int = 1,
    icc: float = 0.0,
    alpha: float = 0.05,
    power: float = 0.8,
) -> GatePlan:
    """Return a plan with the cases at which an equally good candidate has passed with ``power``.

    Found by simulating the gate itself on cases whose differences are alike within a group by
    ``icc``, with the uncertainty of the simulation added. The maximum is twice that.
    """
    # An optional extra.
    from stanchion.evaluate.statistics import Design, cases_until_settled

    expected = GatePlan(margin, alpha, discordance, group_size, icc)
    design = Design(discordance, group_size, icc)
    planned = cases_until_settled(design, margin, alpha=alpha, wanted=power)
    return replace(expected, planned=planned, maximum=2 * planned)
