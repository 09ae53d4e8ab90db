"""The bar of an evaluation under way, on stderr."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from stanchion.cli._console import console_for
from stanchion.evaluate import Progress

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(total: int, *, is_watched: bool) -> Generator[Callable[[Progress], None]]:
    """Draw a bar over the runs, with what failed and what it cost, if somebody watches."""
    columns = (
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} runs"),
        BarColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = console_for(err=True)
    with Bar(*columns, console=console, transient=True, disable=not is_watched) as bar:
        task = bar.add_task("", total=total)

        def show(told: Progress) -> None:
            said = f"{told.failed} failed, ${told.usd:.4f}"
            bar.update(task, completed=told.done, description=said)

        yield show
