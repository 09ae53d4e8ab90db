"""``stanchion demo``: the options of the demo; what it shows is in ``stanchion.demo``."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Annotated

import typer

from stanchion.cli._options import Json

__all__ = ["app"]

app = typer.Typer()


@app.command()
def demo(
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="All tickets, about 25, instead of eight.")
    ] = False,
    ticket: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Your own ticket, or your own attack.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="SPEC", help="Another model, such as openai:gpt-5-mini.")
    ] = None,
    svg: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also draw what is shown as an SVG.")
    ] = None,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours.")] = False,
    as_json: Json = False,
) -> None:
    """Show a support desk at work on a real small model."""
    if no_color:
        os.environ["NO_COLOR"] = "1"
    run_demo = importlib.import_module("stanchion.demo").run_demo
    raise typer.Exit(
        run_demo(everything=everything, ticket=ticket, model=model, as_json=as_json, picture=svg)
    )
