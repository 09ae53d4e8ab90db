"""``stanchion doctor``."""

from __future__ import annotations

from dataclasses import asdict

import typer

from stanchion.cli._console import draw
from stanchion.cli._diagnosis import diagnose
from stanchion.cli._options import Json, StoreUrl
from stanchion.cli._output import emit_json
from stanchion.cli._pictures import checks_table
from stanchion.cli._watch import interruptible

__all__ = ["app"]

app = typer.Typer()


@app.command()
def doctor(*, store: StoreUrl = None, as_json: Json = False) -> None:
    """Check settings, store, models and versions.

    Exits with 1 if something is wrong, and says what to do about it.
    """
    checks = interruptible(diagnose(store))
    is_well = not any(check.problem for check in checks)
    if as_json:
        emit_json({"ok": is_well, "checks": [asdict(check) for check in checks]})
    else:
        draw(checks_table(checks))
    raise typer.Exit(0 if is_well else 1)
