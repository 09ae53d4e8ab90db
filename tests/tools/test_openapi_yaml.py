"""OpenAPI documents in YAML: what JSON could say, and nothing that explodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from stanchion.errors import ContractError
from stanchion.tools.openapi import openapi_tools
from tests.tools.servers.bank_api import app


def test_yaml_says_what_the_same_json_says(tmp_path: Path) -> None:
    document = app.openapi()
    file = tmp_path / "bank.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    options: Any = {"server": "bank", "base_url": "http://x", "exclude": {"sendPhoto"}}
    read, same = openapi_tools(file, **options), openapi_tools(document, **options)
    assert [tool.contract.digest for tool in read] == [tool.contract.digest for tool in same]


def test_yaml_has_no_types_that_json_lacks() -> None:
    text = """
openapi: 3.1.0
paths:
  /flights:
    get:
      operationId: find
      summary: Find flights.
      parameters:
      - {in: query, name: to, schema: {enum: [NO, SE, on], default: NO}}
      - {in: query, name: day, schema: {type: string, default: 2026-01-02}}
      responses: {200: {description: x}}
"""
    (tool,) = openapi_tools(text, server="air", base_url="http://x")
    told = tool.contract.parameters["properties"]
    assert (told["to"]["enum"], told["day"]["default"]) == (["NO", "SE", "on"], "2026-01-02")


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
)


@pytest.mark.promise("IMPORT-4")
@pytest.mark.parametrize(
    "text",
    [
        LAUGHS,
        f'a0: &a0 "{"x" * 100_000}"\nb: [{", ".join(["*a0"] * 100_000)}]',
        "a: &a [*a]",
        "a: &a {x: 1}\nb: {<<: *a}",
        "a: 1\na: 2",
        "- " * 20_000,
        "[" * 100_000,
        "a: !!python/object/apply:os.system ['id']",
        "a: !!binary aGk=",
        "? [a]\n: 1",
    ],
    ids=["laughs", "long", "self", "merge", "twice", "deep", "flow", "python", "binary", "key"],
)
def test_yaml_that_is_a_bomb_or_more_than_json_is_refused(text: str) -> None:
    with pytest.raises(ContractError, match="isn't JSON or YAML of a sane size"):
        openapi_tools(text, server="bank", base_url="http://x")
