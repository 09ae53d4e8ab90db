"""The rule was fixed before it was run, and knows nothing of the suites but signatures.

Its digest covers its source and what it makes of every tool. The lint looks for texts in its source
that stand in an environment or a task: a word that a tool's own signature uses is none.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from benchmarks._report import Report
from benchmarks.agentdojo._calls import Signature
from benchmarks.agentdojo._contracts import contract_tool

__all__ = ["DIGEST", "check", "digest_of", "foreign_texts"]

HERE = Path(__file__).parent
RULE = HERE / "_contracts.py"
DIGEST = HERE / "rule.sha256"
"""Committed; ``python -m benchmarks.agentdojo._committed`` writes it."""


class Suites(Protocol):
    @property
    def SUITES(self) -> Sequence[str]: ...  # noqa: N802 (a module's constant)
    def signatures(self, suite: str) -> Sequence[Signature]: ...
    def texts(self, suite: str) -> Iterator[str]: ...


def check(report: Report, dojo: Suites) -> None:
    """Note whether the rule is the committed one, and what it knows that it shouldn't."""
    committed = DIGEST.read_text(encoding="utf-8").strip()
    report.figure("rule_sha256", digest_of(dojo))
    report.target("the rule is the committed one", digest_of(dojo) == committed, "==", 1)
    found = [text for suite in dojo.SUITES for text in foreign_texts(dojo, suite)]
    report.figure("texts_of_a_suite_in_the_rule", found)
    report.target("texts of a suite in the rule", len(found), "==", 0)


def digest_of(dojo: Suites) -> str:
    """Return the digest of the rule and of the roles that it gives."""
    roles = {
        f"{suite}.{each.name}": [
            contract_tool(each).tool.contract.effect,
            contract_tool(each).roles,
        ]
        for suite in dojo.SUITES
        for each in dojo.signatures(suite)
    }
    text = RULE.read_text(encoding="utf-8") + json.dumps(roles, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def foreign_texts(dojo: Suites, suite: str) -> list[str]:
    """Return the rule's own texts that stand in a suite and in no signature."""
    signatures = " ".join(_signature_words(dojo.signatures(suite)))
    known = set(_words(signatures))
    texts = "\n".join(dojo.texts(suite)).lower()
    return [
        text
        for text in _constants()
        if not {*_words(text)} <= known and _is_telling(text) and text.lower() in texts
    ]


def _is_telling(text: str) -> bool:
    """Tell whether a text names something: a lower-case dictionary word doesn't."""
    return not re.fullmatch(r"[a-z]*", text)


def _constants() -> list[str]:
    tree = ast.parse(RULE.read_text(encoding="utf-8"))
    docs = {ast.get_docstring(n, clean=False) for n in ast.walk(tree) if isinstance(n, _DOCUMENTED)}
    nodes = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
    return [n for n in nodes if isinstance(n, str) and n not in docs and len(n) > 2]


_DOCUMENTED = (ast.Module, ast.FunctionDef, ast.ClassDef)


def _signature_words(signatures: Sequence[Signature]) -> Iterator[str]:
    for each in signatures:
        yield f"{each.name} {each.description}"
        yield from (f"{p.name} {p.description}" for p in each.parameters)


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower().replace("_", " "))


if __name__ == "__main__":
    from benchmarks.agentdojo.peers import _suites  # the peers are in this benchmark's group only

    DIGEST.write_text(f"{digest_of(_suites)}\n", encoding="utf-8")
