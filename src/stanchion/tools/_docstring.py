"""A function's docstring, split into what a model reads: a description and one text a parameter.

Google style: ``Args:`` with indented ``name: text`` or ``name (type): text``. Sections about the
return value, exceptions and references are for people and left out; notes and examples stay.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field

__all__ = ["Docstring", "parse_docstring"]

_SECTION = re.compile(
    r"^(Args|Arguments|Parameters|Params|Returns?|Yields?|Raises|Attributes|See Also|References|"
    r"Todo):\s*$"
)
_ARGUMENTS = {"Args", "Arguments", "Parameters", "Params"}
_ENTRY = re.compile(r"^\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")


@dataclass(frozen=True, slots=True)
class Docstring:
    """What a docstring says."""

    description: str = ""
    parameters: dict[str, str] = field(default_factory=dict[str, str])


def parse_docstring(text: str | None) -> Docstring:
    """Split a docstring; an absent one is empty."""
    description, arguments = _split(inspect.cleandoc(text or "").splitlines())
    prose = re.sub(r"\n{3,}", "\n\n", "\n".join(description)).strip()
    return Docstring(prose, _entries(arguments))


def _split(lines: list[str]) -> tuple[list[str], list[str]]:
    """Return the description's lines and those of ``Args:``. Unindented text ends a section."""
    description: list[str] = []
    arguments: list[str] = []
    ignored: list[str] = []
    section = description
    for line in lines:
        if heading := _SECTION.match(line):
            section = arguments if heading[1] in _ARGUMENTS else ignored
            continue
        if line.strip() and _indent(line) == 0:
            section = description
        section.append(line)
    return description, arguments


def _entries(lines: list[str]) -> dict[str, str]:
    """Read ``name: text`` at the least indentation; deeper lines continue the text."""
    indent = min((_indent(line) for line in lines if line.strip()), default=0)
    found: dict[str, str] = {}
    name = ""
    for line in filter(str.strip, lines):
        if _indent(line) == indent and (entry := _ENTRY.match(line.strip())):
            name = entry[1]
            found[name] = entry[2].strip()
        elif name:
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
