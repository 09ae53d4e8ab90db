"""``stanchion version``."""

from __future__ import annotations

import platform

import typer

import stanchion
from stanchion.cli._options import Json
from stanchion.cli._output import emit_json

__all__ = ["app"]

app = typer.Typer()


@app.command()
def version(*, as_json: Json = False) -> None:
    """Print the versions of Stanchion and of Python."""
    versions = {"stanchion": stanchion.__version__, "python": platform.python_version()}
    if as_json:
        emit_json(versions)
    else:
        typer.echo(f"stanchion {versions['stanchion']} on Python {versions['python']}")
