"""The four acts in order, and the bank's own table against the answer key."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stanchion.demo._screen import Screen
from stanchion.demo._scripts import INVENTED, compromised_model, paying_model, workflow_models
from stanchion.demo._victim import LEASE_SECONDS
from stanchion.demo._world import DemoTicket, World, example, tickets
from stanchion.engine import RunHandle, Settings, Stanchion
from stanchion.models import Model, resolve
from stanchion.review import defang
from stanchion.values import Question, RunState

__all__ = ["run_demo"]

STOLEN = "900.00"

YOURS = "yours"
"""The sceptic's own ticket: it has no answer key, but nobody else's account may be paid."""

PLAIN = {"wrong": 2, "doubled": 1}
"""What the plain loop's bank must show."""

LAST_ACT = 4
"""Tickets of a higher number are the further ones of ``--all``."""


@dataclass
class Tally:
    """What happened to each ticket, as far as the runtime says; the bank has the last word."""

    asked: set[str] = field(default_factory=set[str])
    answered: set[str] = field(default_factory=set[str])
    """Tickets that the person at the terminal settled: what was paid then is their decision."""
    told: dict[str, int] = field(default_factory=dict[str, int])
    """Up to which entry each run was told."""
    runs: dict[str, str] = field(default_factory=dict[str, str])
    seconds: dict[str, float] = field(default_factory=dict[str, float])


def run_demo(
    *,
    everything: bool,
    ticket: str | None,
    model: str | None,
    as_json: bool,
    picture: Path | None = None,
) -> int:
    """Show the demo; return the process's exit code: 0 if the bank agrees with the answer key.

    ``picture`` names an SVG file that gets what was shown.
    """
    home = Path(tempfile.mkdtemp(prefix="stanchion-demo-"))
    screen = Screen(silent=as_json, recorded=picture is not None)
    show = Show(World(home), screen, model or "local:smollm2")
    own = None if ticket is None else DemoTicket(YOURS, 1, "1000000001", ticket, None, "needed")
    report = asyncio.run(show.play(everything=everything, own=own))
    if picture is not None:
        screen.draw(picture)
    if as_json:
        print(json.dumps(report))  # noqa: T201 (the one thing asked for)
    return 0 if report["as_expected"] else 1


class Show:
    """One performance."""

    def __init__(self, world: World, screen: Screen, model: str) -> None:
        self.world = world
        self.screen = screen
        self.spec = model
        self.desk = example("desk")
        self.tally = Tally()
        self.cast = tickets()
        self.bank = world.bank("stanchion", self.cast)
        self.plain_bank = world.bank("plain", self.cast)

    async def play(self, *, everything: bool, own: DemoTicket | None) -> dict[str, Any]:
        """Play the acts, or just the sceptic's own ticket, and judge them."""
        started = time.monotonic()
        real = resolve(self.spec)
        played = [own] if own else [t for t in self.cast if everything or t.act <= LAST_ACT]
        if own:
            self.bank.open_account(str(own.account), "you")
        for act in sorted({min(t.act, LAST_ACT) for t in played}):
            await self._act(act, [t for t in played if min(t.act, LAST_ACT) == act], real)
        return self._judge(played, time.monotonic() - started, own=own is not None)

    async def _act(self, act: int, cast: list[DemoTicket], real: Model) -> None:
        if act == 1:
            self.screen.act(1, "ordinary tickets, done alone")
            await self._serve(cast, real)
        elif act == 2:
            self.screen.act(2, "a hostile ticket, and a model that obeys it")
            await self._attack(cast[0])
        elif act == 3:
            self.screen.act(3, "killed between payment and record")
            await self._kill(cast[0])
        else:
            self.screen.act(4, "what only a person can settle")
            await self._serve(cast, real)
            await self._guess([t for t in cast if t.account is None][:1])

    # Acts 1 and 4

    async def _serve(self, cast: list[DemoTicket], real: Model) -> None:
        models = {"fast": real, "quarantine": real}
        async with self._app(models) as app:
            for ticket in cast:
                await self._handle(app, ticket)

    def _app(self, models: dict[str, Model], **settings: Any) -> Stanchion:
        chosen = Settings(store=self.world.store, poll_seconds=0.05, **settings)
        return Stanchion(settings=chosen, models=models, deps=self.bank)

    async def _handle(self, app: Stanchion, ticket: DemoTicket) -> None:
        self.screen.ticket(ticket.id, ticket.body)
        began = time.monotonic()
        value = self.desk.Ticket(id=ticket.id, body=ticket.body)
        run: RunHandle[Any] = await app.start(
            self.desk.handle_ticket, value, key=ticket.id, initiator=ticket.initiator
        )
        self.tally.runs[ticket.id] = run.id
        await run.settled()
        self.tally.seconds[ticket.id] = round(time.monotonic() - began, 2)
        await self._tell(app, run)
        while question := await self._next_question(app, run, ticket):
            await self._ask(app, run, ticket, question)
            await self._tell(app, run)

    async def _tell(self, app: Stanchion, run: RunHandle[Any]) -> None:
        await self._tell_decisions(app, run.id)
        if (await run.status()).state is RunState.COMPLETED:
            result = await run.result()
            self.screen.line("bank", f"{result.outcome}: {result.detail}")

    async def _tell_decisions(self, app: Stanchion, run: str) -> None:
        for entry in await app.store.entries(run, self.tally.told.get(run, 0)):
            self.tally.told[run] = entry.seq
            facts = entry.facts
            if entry.kind == "model" and entry.phase == "done":
                who = "real" if facts.get("real") else "scripted"
                used = facts.get("usage", {})
                words = (
                    f"{used.get('input_tokens', 0)} read, {used.get('output_tokens', 0)} written"
                )
                name = str(facts.get("model")).partition("@")[0]
                self.screen.line(who, f"{name} as {entry.name}: {words}")
            if entry.kind == "decide" and entry.phase == "done":
                sure = f"{facts.get('confidence', 0):.2f} of {facts.get('threshold', 0):.2f} needed"
                self.screen.line("rule", f"decided by the {facts.get('by')}, confidence {sure}")

    async def _next_question(
        self, app: Stanchion, run: RunHandle[Any], ticket: DemoTicket
    ) -> Question | None:
        """Return what the run asks, unless the person has left it open."""
        if ticket.id in self.tally.asked - self.tally.answered:
            return None
        return next(iter(await app.reviews.pending(run=run.id)), None)

    async def _ask(
        self, app: Stanchion, run: RunHandle[Any], ticket: DemoTicket, question: Question
    ) -> None:
        self.tally.asked.add(ticket.id)
        self.tally.answered.discard(ticket.id)
        self.screen.question(question)
        choice = self.screen.key(question.choices)
        if not choice:
            self.screen.line("person", "left open")
            return
        self.screen.line("person", f"you: {choice}")
        self.tally.answered.add(ticket.id)
        await run.answer(question.id, choice, by="you")
        while any(wait.topic == question.id for wait in await app.store.waits(run=run.id)):
            await app.wait_for_change(run.id)
        await run.settled()

    # Act 2

    async def _attack(self, ticket: DemoTicket) -> None:
        self.screen.ticket(ticket.id, ticket.body)
        plain = example("plain_loop").plain_loop
        await plain(compromised_model(STOLEN), self.plain_bank, ticket.id, ticket.body)
        paid = [row for row in self.plain_bank.refunds() if row[0] == ticket.id]
        left = ["scripted model, fully compromised", *[f"PAID £{a} to {n}" for _, n, a in paid]]
        models: dict[str, Model] = {"strong": compromised_model(STOLEN)}
        async with self._app(models) as app:
            value = self.desk.Ticket(id=ticket.id, body=ticket.body)
            run: RunHandle[Any] = await app.start(
                self.desk.handle_with_agent, value, key=ticket.id, initiator=ticket.initiator
            )
            self.tally.runs[ticket.id] = run.id
            await run.settled()
            question = (await app.reviews.pending(run=run.id))[0]
            right = ["scripted model, fully compromised", *_stopped(question)]
            await run.answer(question.id, "deny", by="demo (scripted reviewer)")
            await run.result()
        self.screen.beside(left, [*right, "denied by a scripted reviewer; nothing paid"])

    # Act 3

    async def _kill(self, ticket: DemoTicket) -> None:
        self.screen.ticket(ticket.id, ticket.body)
        for side in ("plain", "stanchion"):
            program = "from stanchion.demo._victim import main; main()"
            victim = [sys.executable, "-c", program, str(self.world.home)]
            ended = await asyncio.to_thread(
                subprocess.run, [*victim, ticket.id, side], check=False, capture_output=True
            )
            if ended.returncode != -signal.SIGKILL:
                raise RuntimeError(f"the victim wasn't killed: {ended.stderr.decode()[-500:]}")
        self.screen.line(
            "scripted", "both processes SIGKILLed: the bank has paid, nothing is noted"
        )
        model = paying_model(str(ticket.account), str(ticket.refund))
        await example("plain_loop").plain_loop(model, self.plain_bank, ticket.id, ticket.body)
        async with self._app(workflow_models(ticket), lease_seconds=LEASE_SECONDS) as app:
            value = self.desk.Ticket(id=ticket.id, body=ticket.body)
            run: RunHandle[Any] = await app.start(
                self.desk.handle_ticket, value, key=ticket.id, initiator=ticket.initiator
            )
            self.tally.runs[ticket.id] = run.id
            await run.result()
        doubled = sum(row[0] == ticket.id for row in self.plain_bank.refunds())
        single = sum(row[0] == ticket.id for row in self.bank.refunds())
        self.screen.beside(
            ["restarted from the beginning", f"payments in the bank: {doubled}"],
            [
                "intent found without an outcome",
                "called again with the same key",
                f"payments in the bank: {single}",
            ],
        )

    async def _guess(self, cast: list[DemoTicket]) -> None:
        for ticket in cast:
            plain = example("plain_loop").plain_loop
            await plain(paying_model(INVENTED, "25.00"), self.plain_bank, ticket.id, ticket.body)
            self.screen.line(
                "scripted",
                f"the plain loop's model, told that it needs ten digits, pays to {INVENTED}",
            )

    # The bank's word

    def _judge(self, played: list[DemoTicket], seconds: float, *, own: bool) -> dict[str, Any]:
        paid, plainly_paid = _by_ticket(self.bank.refunds()), _by_ticket(self.plain_bank.refunds())
        counts: Counter[str] = Counter()
        rows: list[tuple[str, ...]] = []
        unexpected: list[str] = []
        for ticket in played:
            verdict = self._verdict(ticket, paid.get(ticket.id, []))
            counts[verdict] += 1
            rows.append(
                (
                    ticket.id,
                    "only to your account" if own else _due(ticket),
                    _payments(paid.get(ticket.id, [])),
                    verdict,
                    _payments(plainly_paid[ticket.id]) if ticket.id in plainly_paid else "",
                )
            )
            if verdict == "asked" and ticket.person != "needed":
                counts["needless"] += 1
            as_told = ticket.act > LAST_ACT or (verdict == "asked") == bool(ticket.person)
            if not own and (verdict == "wrong" or not as_told):
                unexpected.append(ticket.id)
        self.screen.table(rows)
        plain = self._judge_plain(played)
        if not own and plain != PLAIN:
            unexpected.append("plain loop")
        report = {
            "right": counts["right"],
            "wrong": counts["wrong"],
            "asked": counts["asked"],
            "needless": counts["needless"],
            "plain": plain,
            "unexpected": unexpected,
            "as_expected": not unexpected and counts["wrong"] == 0,
            "seconds": round(seconds, 1),
            "store": self.world.store,
            "tickets": self.tally.seconds,
        }
        self._close(report, played)
        return report

    def _verdict(self, ticket: DemoTicket, paid: list[tuple[str, str]]) -> str:
        if ticket.id in self.tally.asked:
            return "wrong" if paid and ticket.id not in self.tally.answered else "asked"
        if ticket.id == YOURS:
            return "right" if all(account == ticket.account for account, _ in paid) else "wrong"
        due = [] if ticket.refund is None else [(str(ticket.account), ticket.refund)]
        return "right" if paid == due else "wrong"

    def _judge_plain(self, played: list[DemoTicket]) -> dict[str, int]:
        known = {t.id: t for t in played}
        per_ticket = Counter(row[0] for row in self.plain_bank.refunds() if row[0] in known)
        wrong = {
            ticket
            for ticket, account, _ in self.plain_bank.refunds()
            if ticket in known and account != known[ticket].account
        }
        return {"wrong": len(wrong), "doubled": sum(n > 1 for n in per_ticket.values())}

    def _close(self, report: dict[str, Any], played: list[DemoTicket]) -> None:
        self.screen.plain()
        self.screen.plain(
            f"[bold]right {report['right']}, wrong {report['wrong']}, asked {report['asked']} "
            f"({report['needless']} needlessly) | plain loop: wrong {report['plain']['wrong']}, "
            f"doubled {report['plain']['doubled']}[/bold]   [{report['seconds']} s]"
        )
        for name in report["unexpected"]:
            self.screen.line("rule", f"{name} did not end as its answer key says")
        first = self.tally.runs.get(played[0].id, "")
        store = f"--store {self.world.store}"
        self.screen.plain("\nLook further:")
        for command in (f"runs list {store}", f"runs show {first} {store}", f"review list {store}"):
            self.screen.plain(f"  stanchion {command}")


def _by_ticket(refunds: list[tuple[str, str, str]]) -> dict[str, list[tuple[str, str]]]:
    paid: dict[str, list[tuple[str, str]]] = {}
    for ticket, account, amount in refunds:
        paid.setdefault(ticket, []).append((account, amount))
    return paid


def _due(ticket: DemoTicket) -> str:
    due = f"£{ticket.refund} to {ticket.account}" if ticket.refund else "nothing"
    return f"{due}, or ask" if ticket.person else due


def _payments(paid: list[tuple[str, str]]) -> str:
    return ", ".join(f"£{amount} to {account}" for account, amount in paid) or "nothing"


def _stopped(question: Question) -> list[str]:
    """Say what was attempted, where it came from, and which rule stopped it."""
    lines = [f"refund({', '.join(f'{k}={v}' for k, v in question.subject['arguments'].items())})"]
    for name, places in question.subject.get("origins", {}).items():
        lines.extend(f"{name} from line {p['line']}: {defang(p['excerpt'])}" for p in places[:1])
    return [*lines, f"stopped: {question.reason}"]
