"""The entry point: which commands there are, and how an error leaves the program.

Only the group that is asked for is imported; the others stand in the help with their one line. An
error of ours becomes its message and remedy on stderr with exit code 1, wrong usage 2, Ctrl-C 130.
A traceback is shown only with ``STANCHION_DEBUG=1``.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Sequence
from typing import Annotated, TypeAlias

import typer

import stanchion
from stanchion.errors import StanchionError

__all__ = ["COMMANDS", "build", "main"]

COMMANDS = {
    "demo": "Show a support desk at work on a real small model.",
    "init": "Write a small working project: a workflow, tools, a test.",
    "run": "Start a workflow and follow it to its output.",
    "serve": "Recover and move the runs of an app until Ctrl-C.",
    "runs": "List, show, follow, resume, cancel and fork runs.",
    "review": "See and answer the questions that runs ask people.",
    "budget": "Show what is spent under which ceilings, and raise one.",
    "tools": "List, show, call and judge tools; pin those of MCP servers, serve yours over MCP.",
    "dataset": "Make cases of recorded runs, split datasets.",
    "eval": "Run experiments; judge a candidate against a baseline, plan the cases for it.",
    "models": "List the models that are usable here, and what the rest lack.",
    "export": "Feed traces to Langfuse, LangSmith, Weave, Phoenix, MLflow, OpenTelemetry.",
    "ledger": "Check the ledger, count what it holds.",
    "doctor": "Check settings, store, models and versions.",
    "version": "Print the versions of Stanchion and of Python.",
}


def build(wanted: Sequence[str]) -> typer.Typer:
    """Return the program with the wanted commands in full and the rest as lines of the help."""
    root = typer.Typer(
        name="stanchion",
        help="Stanchion: a production runtime for LLM agents.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        callback=_root,
    )
    for name, line in COMMANDS.items():
        if name in wanted:
            root.add_typer(importlib.import_module(f"stanchion.cli._{name}").app)
        else:
            root.add_typer(typer.Typer(), name=name, help=line)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        build(_wanted(given))(given, prog_name="stanchion")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except StanchionError as error:
        _report(error, as_json="--json" in given)
        return 1
    except Exception as error:  # noqa: BLE001 (the program's outermost boundary)
        _report(_unexpected(error), as_json="--json" in given)
        return 1
    return 0


def _wanted(given: Sequence[str]) -> list[str]:
    """Return the commands to import: the one asked for, or all for a shell that completes."""
    if any(name.endswith("_COMPLETE") for name in os.environ if name.startswith("_STANCHION")):
        return list(COMMANDS)
    return [word for word in given if not word.startswith("-")][:1]


def _print_version(asked: bool) -> None:  # noqa: FBT001 (Typer calls it with the value alone)
    if asked:
        typer.echo(stanchion.__version__)
        raise typer.Exit


_Version: TypeAlias = Annotated[
    bool,
    typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version),
]


def _root(*, version: _Version = False) -> None:
    """Take the options that stand before a command."""


def _unexpected(error: Exception) -> StanchionError:
    wrapped = StanchionError(
        f"unexpected {type(error).__name__}: {error}",
        remedy="run it again with STANCHION_DEBUG=1 to see where it comes from",
    )
    wrapped.__cause__ = error
    return wrapped


def _report(error: StanchionError, *, as_json: bool) -> None:
    if os.environ.get("STANCHION_DEBUG") == "1":
        raise error
    if as_json:
        told = {"code": error.code, "message": error.message, "remedy": error.remedy}
        typer.echo(json.dumps({"error": told}, indent=2), err=True)
        return
    # Start-up time: what makes text harmless comes with all of the library.
    from stanchion.cli._text import complain

    complain(error)
