"""Options that several commands share, so that they are called and explained the same way."""

from __future__ import annotations

import getpass
from typing import Annotated, TypeAlias

import typer

__all__ = ["App", "By", "Json", "RunId", "StoreUrl", "Tags", "who"]

Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

StoreUrl: TypeAlias = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", help="The ledger; by default what doctor shows."),
]

App: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--app", metavar="MODULE:APP", help="Move the run here, with this app or workflow."
    ),
]

RunId: TypeAlias = Annotated[
    str, typer.Argument(metavar="RUN", help="The run's id or a unique beginning of it.")
]

Tags: TypeAlias = Annotated[
    list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="A tag; may be repeated.")
]

By: TypeAlias = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who says so; by default your login.")
]


def who(by: str | None) -> str:
    """Return who acts: as given, otherwise the login name."""
    try:
        return by or getpass.getuser()
    except (KeyError, OSError):  # a container without a user database
        return "terminal"
