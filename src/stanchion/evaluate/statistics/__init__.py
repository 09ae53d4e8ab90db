"""Statistics of evaluations, as pure functions on arrays: each names its formula and its source.

Small samples, cases that come in groups and repeated looks are the normal case here, so the
defaults are exact or corrected for them. It knows nothing of runs, models or files. Needs the extra
``stanchion[evaluate]``.
"""

from stanchion.errors import MissingDependency

try:
    from stanchion.evaluate.statistics._anytime import Plan, Side, anytime_interval, capital
    from stanchion.evaluate.statistics._bootstrap import Statistic, bootstrap, paired_permutation
    from stanchion.evaluate.statistics._differences import (
        difference,
        mean,
        paired_difference,
        paired_limits,
    )
    from stanchion.evaluate.statistics._interval import (
        FEWEST_GROUPS,
        Counts,
        Floats,
        Interval,
        by_group,
    )
    from stanchion.evaluate.statistics._planning import cases_until_settled
    from stanchion.evaluate.statistics._power import Design, cases_needed, detectable, power
    from stanchion.evaluate.statistics._proportions import (
        clopper_pearson,
        effective_n,
        icc,
        proportion,
        wilson,
    )
    from stanchion.evaluate.statistics._repeats import pass_at_k, pass_hat_k
    from stanchion.evaluate.statistics._selective import (
        Selected,
        fewest_cases,
        select_threshold,
        threshold_sequence,
    )
    from stanchion.evaluate.statistics._tests import holm, mcnemar
except ModuleNotFoundError as error:
    if error.name not in {"numpy", "scipy"}:
        raise
    raise MissingDependency(
        "statistics need NumPy and SciPy", remedy="pip install 'stanchion[evaluate]'"
    ) from error

__all__ = [
    "FEWEST_GROUPS",
    "Counts",
    "Design",
    "Floats",
    "Interval",
    "Plan",
    "Selected",
    "Side",
    "Statistic",
    "anytime_interval",
    "bootstrap",
    "by_group",
    "capital",
    "cases_needed",
    "cases_until_settled",
    "clopper_pearson",
    "detectable",
    "difference",
    "effective_n",
    "fewest_cases",
    "holm",
    "icc",
    "mcnemar",
    "mean",
    "paired_difference",
    "paired_limits",
    "paired_permutation",
    "pass_at_k",
    "pass_hat_k",
    "power",
    "proportion",
    "select_threshold",
    "threshold_sequence",
    "wilson",
]
