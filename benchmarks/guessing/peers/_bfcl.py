"""The Berkeley function-calling data: cases, reference calls, schemas, and its simulated tools."""

from __future__ import annotations

import copy
import importlib
import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import bfcl_eval
from bfcl_eval.constants.executable_backend_config import (
    CLASS_FILE_PATH_MAPPING,
    MULTI_TURN_FUNC_DOC_FILE_MAPPING,
    STATELESS_CLASSES,
)

DATA = files(bfcl_eval) / "data"
CLASSES = [
    "GorillaFileSystem",
    "MathAPI",
    "MessageAPI",
    "TicketAPI",
    "TradingBot",
    "TravelAPI",
    "TwitterAPI",
    "VehicleControlAPI",
]


def cases(category: str) -> Iterator[tuple[dict[str, Any], list[list[str]]]]:
    """Yield each case of a multi-turn category with its reference calls, turn by turn."""
    name = f"BFCL_v4_multi_turn_{category}.json"
    answers = {each["id"]: each["ground_truth"] for each in _lines(f"possible_answer/{name}")}
    for case in _lines(name):
        yield case, answers[case["id"]]


def schemas(api: str) -> list[dict[str, Any]]:
    """Return the functions of one class, as their schemas."""
    return list(_lines(f"multi_turn_func_doc/{MULTI_TURN_FUNC_DOC_FILE_MAPPING[api]}"))


def simulated(api: str, scenario: dict[str, Any]) -> Any:
    """Return an instance of a class in the state that a case begins with."""
    made = getattr(importlib.import_module(CLASS_FILE_PATH_MAPPING[api]), api)()
    if api not in STATELESS_CLASSES:
        made._load_scenario(copy.deepcopy(scenario))
    return made


def _lines(path: str) -> Iterator[dict[str, Any]]:
    for line in (DATA / path).read_text(encoding="utf-8").splitlines():
        yield json.loads(line)
