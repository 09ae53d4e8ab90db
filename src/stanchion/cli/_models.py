"""``stanchion models``."""

from __future__ import annotations

from dataclasses import asdict

import typer

from stanchion.cli._console import draw
from stanchion.cli._options import Json
from stanchion.cli._output import emit_json
from stanchion.cli._pictures import models_table
from stanchion.engine import load_settings
from stanchion.models import inventory

__all__ = ["app"]

app = typer.Typer()


@app.command()
def models(*, as_json: Json = False) -> None:
    """List the models that are usable here, and what the rest lack."""
    found = inventory()
    roles = load_settings()[0].models
    if as_json:
        emit_json({"families": [asdict(each) for each in found], "roles": dict(roles)})
    else:
        draw(models_table(found, roles))
