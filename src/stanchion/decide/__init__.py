"""Decision nodes: a typed choice by a model, with a confidence and a way to abstain.

Pure: builds what a model is asked and reads what it answered. Who calls the model, and which person
decides when the confidence is too low, belongs to the workflow.
"""

from __future__ import annotations

from stanchion.decide._calibration import Calibration, fit_calibration
from stanchion.decide._certificate import Certificate, Slice, void_because
from stanchion.decide._node import (
    SAMPLES,
    Node,
    Options,
    combine_samples,
    options_of,
    read_response,
)

__all__ = [
    "SAMPLES",
    "Calibration",
    "Certificate",
    "Node",
    "Options",
    "Slice",
    "combine_samples",
    "fit_calibration",
    "options_of",
    "read_response",
    "void_because",
]
