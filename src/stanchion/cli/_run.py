"""``stanchion run``: start a workflow here and follow it."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, replace
from typing import Annotated, Any

import typer

from stanchion.cli._input import read_input, read_pairs
from stanchion.cli._options import By, Json, StoreUrl, Tags, who
from stanchion.cli._output import note
from stanchion.cli._stores import settings_for
from stanchion.cli._targets import load_app, load_workflow
from stanchion.cli._watch import Manner, interruptible, watch
from stanchion.engine import Stanchion
from stanchion.values import Principal
from stanchion.workflows import Workflow

__all__ = ["app"]

app = typer.Typer()


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be started."""

    workflow: Workflow[Any, Any, Any]
    value: Any
    options: dict[str, Any]


@app.command()
def run(
    target: Annotated[str, typer.Argument(metavar="MODULE:WORKFLOW")],
    given: Annotated[
        str | None, typer.Option("--input", metavar="JSON", help="JSON, @file, or - for stdin.")
    ] = None,
    *,
    key: Annotated[str, typer.Option(help="Start once: the same key is the same run.")] = "",
    tenant: Annotated[str, typer.Option(help="Whose data it works on.")] = "",
    user: Annotated[str, typer.Option(help="Who it is for, for the record.")] = "",
    tag: Tags = None,
    initiator: Annotated[str, typer.Option(help="Who it acts for, as authenticated.")] = "",
    claim: Annotated[
        list[str] | None,
        typer.Option("--claim", metavar="NAME=VALUE", help="What is known of the initiator."),
    ] = None,
    store: StoreUrl = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", metavar="ROLE=SPEC", help="A model for a role, e.g. fast=local:smollm2."
        ),
    ] = None,
    app_target: Annotated[
        str | None,
        typer.Option("--app", metavar="MODULE:APP", help="Run it in this app, with its resources."),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Keep waiting when a person is needed.")
    ] = False,
    ask: Annotated[
        bool, typer.Option("--ask", help="Answer its questions here, with one key.")
    ] = False,
    by: By = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    as_json: Json = False,
) -> None:
    """Start a workflow and follow it to its output.

    Exits with 0 when it completed, 1 when it failed, 3 when it waits for a person or an event.
    """
    if ask and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise typer.BadParameter("questions need a terminal", param_hint="--ask")
    workflow = load_workflow(target)
    order = _Order(
        workflow,
        read_input(given, workflow.input_codec),
        {
            "key": key,
            "tenant": tenant,
            "user": user,
            "tags": read_pairs(tag, "--tag"),
            "initiator": _initiator(initiator, read_pairs(claim, "--claim")),
        },
    )
    serving = _app(workflow, app_target, store, read_pairs(model, "--model"))
    options = f" --store {shlex.quote(store)}" if store else ""
    manner = Manner(as_json, quiet, wait, who(by) if ask else "", options)
    hint: dict[str, str] = {}
    going_on = f"stanchion runs resume {{run}} --app {shlex.quote(app_target or target)}{options}"
    raise typer.Exit(interruptible(_start(serving, order, manner, hint, going_on), hint=hint))


def _initiator(name: str, claims: dict[str, str]) -> Principal | None:
    return Principal(name, claims=claims) if name or claims else None


def _app(
    workflow: Workflow[Any, Any, Any], target: str | None, store: str | None, models: dict[str, str]
) -> Stanchion:
    """Return the app to run in: the one named or set, or one made for this workflow alone."""
    if target is not None:
        if store or models:
            raise typer.BadParameter(
                "an app has a ledger and models of its own: leave --store and --model out",
                param_hint="--app",
            )
        return load_app([target], settings_for(None))
    settings = settings_for(store)
    if settings.app and not store and not models:
        served = load_app([settings.app], settings)
        if served.workflows.find(workflow.name, workflow.version) is workflow:
            return served
    return Stanchion(
        settings=replace(settings, models={**settings.models, **models}), workflows=[workflow]
    )


async def _start(
    app: Stanchion, order: _Order, manner: Manner, hint: dict[str, str], going_on: str
) -> int:
    async with app:
        handle = await app.start(order.workflow, order.value, **order.options)
        hint["command"] = going_on.format(run=handle.id)
        if not manner.as_json and not manner.is_quiet:
            note(f"run {handle.id}")
        return await watch(app, handle.id, manner)
