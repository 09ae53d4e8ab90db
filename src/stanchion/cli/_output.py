"""Where output goes: results to stdout, words beside them to stderr. Needs nothing heavy.

JSON is pure ASCII, so that it can be looked at whatever it holds.
"""

from __future__ import annotations

import json

import typer

__all__ = ["emit_json", "note"]


def emit_json(value: object, *, compact: bool = False) -> None:
    """Print one JSON document, on one line if compact."""
    typer.echo(json.dumps(value, indent=None if compact else 2))


def note(text: str) -> None:
    """Say something beside the command's result, on stderr."""
    typer.echo(text, err=True)
