"""Tools at the terminal: what there is, what a model sees, a call by hand, what to mend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, TypeAlias, cast

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stanchion.cli._console import columns, draw, grid, yielding
from stanchion.cli._input import read_json
from stanchion.cli._options import Json
from stanchion.cli._output import emit_json, note
from stanchion.cli._targets import load_tools
from stanchion.cli._text import shown
from stanchion.cli._watch import interruptible
from stanchion.errors import ConfigurationError
from stanchion.ledger import codec_for
from stanchion.tools import Contract, Lint, Tool, call, lint, render_error
from stanchion.values import ToolResult

__all__ = ["call_by_hand", "lint_tools", "list_tools", "show_tool"]

ENOUGH = 70

Module: TypeAlias = Annotated[
    str, typer.Argument(metavar="MODULE[:TOOL]", help="Where the tools are; a module, or a file.")
]
One: TypeAlias = Annotated[str, typer.Argument(metavar="MODULE:TOOL", help="The tool.")]


def list_tools(target: Module, *, as_json: Json = False) -> None:
    """List tools with what is declared of them."""
    tools = load_tools(target)
    scores = {each.tool: each.score for each in lint(tools)}
    if as_json:
        emit_json([{**_declared(t.contract), "score": scores[t.name]} for t in tools])
        return
    table = columns("tool", "effect", "declares", "score", "does", numbers=frozenset({"score"}))
    for each in tools:
        contract = each.contract
        table.add_row(
            Text(each.name, style="bold"),
            Text(contract.effect),
            Text(", ".join(_capabilities(contract))),
            Text(str(scores[each.name])),
            yielding(contract.description.partition("\n")[0]),
        )
    draw(table)


def show_tool(target: One, *, as_json: Json = False) -> None:
    """Show what a model sees of a tool, and what is declared beside that."""
    contract = _one(target).contract
    seen = asdict(contract.spec())
    if as_json:
        emit_json({"model_sees": seen, "declared": _declared(contract)})
        return
    facts = grid()
    for name, value in _declared(contract).items():
        if name not in {"name", "description"}:
            facts.add_row(Text(name), Text(shown(_plain(value))))
    parts: list[RenderableType] = [Text("A model sees:", style="bold")]
    draw(Group(*parts, *_seen(contract), Text("\nDeclared for the runtime:", style="bold"), facts))


def call_by_hand(
    target: One,
    *,
    arguments: Annotated[
        str, typer.Option("--arguments", metavar="JSON", help="An object; @FILE or - for stdin.")
    ] = "{}",
    yes: Annotated[bool, typer.Option("--yes", help="Make a write without asking.")] = False,
    as_json: Json = False,
) -> None:
    """Call a tool by hand, through its gateway, without a run: nothing is recorded.

    Exits with 1 if the call ends in an error, which is shown as a model would read it.
    """
    tool = _one(target)
    given = read_json(arguments, "--arguments")
    if tool.contract.effect == "write" and not yes:
        typer.confirm(f"{tool.name} changes something outside. Call it?", abort=True, err=True)
    result = interruptible(call(tool, given))
    if as_json:
        emit_json(_told(tool, result))
    elif result.error is None:
        typer.echo(shown(_plain(_told(tool, result)["result"])))
    else:
        note("a model reads this error:")
        emit_json(render_error(result.error))
    if result.error is not None:
        raise typer.Exit(1)


def lint_tools(
    target: Module,
    *,
    at_least: Annotated[
        int, typer.Option("--at-least", metavar="SCORE", help="Exit with 1 below this score.")
    ] = ENOUGH,
    as_json: Json = False,
) -> None:
    """Judge how usable contracts are for a model, 0 to 100, and say what to mend."""
    judged = lint(load_tools(target))
    if as_json:
        emit_json([{**asdict(each), "score": each.score} for each in judged])
    else:
        for each in judged:
            draw(_judgement(each))
    if any(each.score < at_least for each in judged):
        raise typer.Exit(1)


def _one(target: str) -> Tool[..., Any]:
    found = load_tools(target)
    if len(found) == 1:
        return found[0]
    raise ConfigurationError(
        f"{target} has {len(found)} tools",
        remedy=f"name one: {', '.join(f'{target}:{each.name}' for each in found)}",
    )


def _capabilities(contract: Contract) -> list[str]:
    said = {
        "accepts_key": contract.accepts_key,
        "reconcile": contract.reconcile is not None,
        "compensate": contract.compensate is not None,
        "needs_review": contract.needs_review,
        "trusted": contract.trusted,
    }
    return [name for name, is_said in said.items() if is_said]


def _declared(contract: Contract) -> dict[str, Any]:
    return {
        "name": contract.name,
        "description": contract.description,
        "effect": contract.effect,
        "declares": _capabilities(contract),
        "targets": sorted(contract.targets),
        "timeout_seconds": contract.timeout.total_seconds(),
        "attempts": contract.retry.attempts,
        "returns": contract.returns,
        "version": contract.version,
        "digest": contract.digest,
        "notes": list(contract.notes),
    }


def _seen(contract: Contract) -> Sequence[RenderableType]:
    table = Table.grid(padding=(0, 2, 0, 0))
    required = contract.parameters.get("required", ())
    for name, schema in contract.parameters.get("properties", {}).items():
        rest = {k: v for k, v in schema.items() if k != "description"}
        must = "required" if name in required else ""
        table.add_row(
            Text(name, "bold"), Text(must, "yellow"), yielding(schema.get("description", ""))
        )
        table.add_row("", "", Text(shown(_plain(rest)), "dim"))
    return Text(f"{contract.name}\n{shown(contract.description)}"), table


def _told(tool: Tool[..., Any], result: ToolResult) -> dict[str, Any]:
    if result.error is not None:
        return {"error": render_error(result.error)}
    data = tool.contract.encode_result(result.value).data
    return {"result": codec_for(Any).decode(data)}


def _judgement(judged: Lint) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    for each in judged.findings:
        where = f"{each.at}: " if each.at else ""
        table.add_row(
            Text(f"  -{each.points}", "yellow"), Text(f"{where}{each.problem}; {each.mend}")
        )
        table.add_row("", Text(each.rule, "dim"))
    return Group(Text(f"{judged.tool}: {judged.score}", style="bold"), table)


def _plain(value: Any) -> str:
    """Write a value on a line: a text as it is, lists by their items, the rest as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(v, str) for v in cast("list[Any]", value)):
        return ", ".join(cast("list[str]", value)) or "none"
    return codec_for(Any).encode(value).data.decode()
