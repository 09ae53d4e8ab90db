"""``stanchion init``: a small project that works, to start from."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from stanchion.cli._options import Json
from stanchion.cli._output import emit_json
from stanchion.errors import ConfigurationError

__all__ = ["app"]

app = typer.Typer()

_ENDING = ".template"


@app.command()
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Where to write it; made if needed.")
    ] = Path(),
    *,
    as_json: Json = False,
) -> None:
    """Write a small working project: a workflow, tools, a test."""
    written = _write(folder)
    if as_json:
        emit_json({"folder": str(folder.resolve()), "files": [path.name for path in written]})
        return
    for path in written:
        typer.echo(f"wrote {path}")
    inside = "" if folder == Path() else f"cd {folder} && "
    typer.echo(f"\ntry it:\n  {inside}python -m pytest")
    typer.echo(f"  {inside}stanchion run workflow:take_back --input A-17")


def _write(folder: Path) -> list[Path]:
    """Write every file of the project, or none if one of them is there already."""
    templates = sorted(files("stanchion.cli").joinpath("_project").iterdir(), key=lambda f: f.name)
    wanted = {folder / each.name.removesuffix(_ENDING): each for each in templates}
    there = [path.name for path in wanted if path.exists()]
    if there:
        raise ConfigurationError(
            f"{folder.resolve()} has {', '.join(there)} already",
            remedy="name another folder; nothing was written",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, template in wanted.items():
            path.write_text(template.read_text(encoding="utf-8"), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{folder.resolve()} can't be written: {error}", remedy="name another folder"
        ) from error
    return list(wanted)
