"""A process that is killed between payment and record: act three's first half.

It handles one ticket, by Stanchion or in the plain loop. The kill is SIGKILL, sent to itself at the
one moment that matters: the bank has paid, nothing is recorded yet.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

from stanchion.demo._scripts import paying_model, workflow_models
from stanchion.demo._world import DemoTicket, World, example, tickets
from stanchion.engine import Settings, Stanchion

LEASE_SECONDS = 1.0
PATIENCE = timedelta(seconds=60)


def die() -> NoReturn:
    """End this process as the out-of-memory killer would."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def deadly(bank: Any) -> Any:
    """Return the bank, but with a process that dies as soon as the bank has paid."""

    class Deadly:
        def __getattr__(self, name: str) -> Any:
            return getattr(bank, name)

        def refund(self, *arguments: Any) -> NoReturn:
            bank.refund(*arguments)
            die()

    return Deadly()


async def with_stanchion(world: World, ticket: DemoTicket) -> None:
    """Handle the ticket in a durable run."""
    desk = example("desk")
    bank = deadly(world.bank("stanchion", [ticket]))
    settings = Settings(store=world.store, lease_seconds=LEASE_SECONDS)
    models = workflow_models(ticket)
    async with Stanchion(settings=settings, models=models, deps=bank) as app:
        value = desk.Ticket(id=ticket.id, body=ticket.body)
        who = ticket.initiator
        run = await app.start(desk.handle_ticket, value, key=ticket.id, initiator=who)
        await run.result(timeout=PATIENCE)


async def with_plain_loop(world: World, ticket: DemoTicket) -> None:
    """Handle the ticket in the plain loop."""
    bank = deadly(world.bank("plain", [ticket]))
    model = paying_model(str(ticket.account), str(ticket.refund))
    await example("plain_loop").plain_loop(model, bank, ticket.id, ticket.body)


def main() -> None:
    """Handle one ticket until killed."""
    home, name, side = sys.argv[1:]
    ticket = next(t for t in tickets() if t.id == name)
    work = with_stanchion if side == "stanchion" else with_plain_loop
    asyncio.run(work(World(Path(home)), ticket))


if __name__ == "__main__":
    main()
