"""MLflow: the BCa interval of a paired difference in ``compare_evaluations``.

It offers one for paired differences only, so that is all it is asked for. Its module is loaded by
itself: the rest of the package needs 850 MB.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from importlib.metadata import files
from typing import Any

import numpy as np

MODULE = "mlflow/genai/evaluation/comparison/significance_tests.py"


def load() -> Any:
    """Load the one module."""
    (found,) = [path for path in files("mlflow") or () if str(path) == MODULE]
    spec = importlib.util.spec_from_file_location("mlflow_significance_tests", found.locate())
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


THEIRS = load()


def paired(gaps: Sequence[float]) -> tuple[float, float]:
    """Return the limits of a mean difference; a constant one has none, as there: a point."""
    deltas = np.asarray(gaps, dtype=np.float64)
    if (deltas == deltas[0]).all():
        return float(deltas[0]), float(deltas[0])
    return THEIRS._bootstrap_mean_ci(deltas, 0.95)
