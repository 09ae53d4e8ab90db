"""Kill runs everywhere, on SQLite and PostgreSQL, and judge them from outside."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg

from benchmarks._report import machine, scale, table
from benchmarks.crash._arena import Arena, Steps, run_all
from benchmarks.crash._mutants import MUTANTS
from benchmarks.crash._plan import PLANS, Plan, campaign, probes
from benchmarks.crash._verdict import Verdict, judge
from stanchion.ledger import open_store
from tests.postgres import PostgresServer

_TICK_SECONDS = 0.002
_NEWS_SECONDS = 5.0
_FOUND = ("lost", "doubled", "silent")


def main() -> None:
    """Run everything that is asked for; exit with 1 if anything was found or a mutant lives."""
    options = _options()
    plan = PLANS[options.scale or scale()]
    chance = random.Random(options.seed)
    folder = Path(tempfile.mkdtemp(prefix="stanchion-crash-", dir="/tmp"))
    folder.chmod(0o755)
    began = time.monotonic()
    stores, mutants = _choose(options, plan)
    server = PostgresServer(_folder(folder, "pg")) if "postgresql" in stores else None
    arenas: list[Arena] = []
    try:
        places = {name: _folder(folder, _slug(name)) for name in (*stores, *mutants)}
        urls = {name: _url(folder, name, server) for name in places}
        _warm_up(list(urls.values()))
        for name, url in urls.items():
            mutant = name if name in mutants else ""
            arenas.append(Arena(name, url, places[name], mutant))
        _drive(arenas, plan, chance)
    finally:
        for arena in arenas:
            arena.close()
        if server is not None:
            server.close()
    verdicts = {arena.name: judge(arena) for arena in arenas}
    if options.keep:
        print(f"kept: {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(_report(arenas, verdicts, options.seed, time.monotonic() - began))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crash", description=__doc__)
    parser.add_argument("--scale", choices=sorted(PLANS), help="instead of $SCALE")
    parser.add_argument("--store", choices=["sqlite", "postgresql"], help="only this one")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), help="only this mutant, no store")
    parser.add_argument("--keep", action="store_true", help="keep the stores and the logs")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    return parser.parse_args()


def _choose(options: argparse.Namespace, plan: Plan) -> tuple[list[str], list[str]]:
    """Return the stores and the mutants to work on."""
    if options.mutant:
        return [], [options.mutant]
    stores = [options.store] if options.store else ["sqlite", "postgresql"]
    return stores, sorted(MUTANTS) if plan.mutants and not options.store else []


def _folder(folder: Path, name: str) -> Path:
    made = folder / name
    made.mkdir()
    return made


def _slug(name: str) -> str:
    return name.replace(" ", "-")


def _url(folder: Path, name: str, server: PostgresServer | None) -> str:
    if server is None or name != "postgresql":
        return f"sqlite:///{folder}/{_slug(name)}/ledger.db"
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute(b"CREATE DATABASE crash")
    return server.url("crash")


def _warm_up(urls: list[str]) -> None:
    """Make the schemas, import what is imported late, and leave no thread behind."""

    async def use(url: str) -> None:
        store = open_store(url)
        await store.runnable(1, ["none"])
        await store.close()

    for url in urls:
        asyncio.run(use(url))
    gc.collect()
    gc.freeze()


def _drive(arenas: list[Arena], plan: Plan, chance: random.Random) -> None:
    news = time.monotonic()
    everything = run_all((_whole(arena, plan, chance) for arena in arenas), len(arenas))
    for _ in everything:
        if time.monotonic() > news:
            news = time.monotonic() + _NEWS_SECONDS
            text = ", ".join(f"{a.name} {a.kills} ({len(a.ended)} runs)" for a in arenas)
            print(f"kills: {text}", file=sys.stderr, flush=True)
        time.sleep(_TICK_SECONDS)


def _whole(arena: Arena, plan: Plan, chance: random.Random) -> Steps[None]:
    if arena.mutant:
        rescuer = arena.work(listed=True)
        yield from run_all(probes(arena), plan.at_once)
        arena.dismiss(rescuer)
    else:
        yield from campaign(arena, plan, chance)
    arena.close()


def _report(arenas: list[Arena], verdicts: Mapping[str, Verdict], seed: int, seconds: float) -> int:
    real = [arena for arena in arenas if not arena.mutant]
    caught = {a.name: verdicts[a.name].caught for a in arenas if a.mutant}
    for arena in real:
        _print_store(arena, verdicts[arena.name])
    if caught:
        rows = [(f"mutant: {n}", _first(verdicts[n])) for n in caught]
        print(f"\n{table(('without the mechanism', 'found'), rows)}")
    summary = _summary(real, verdicts, caught, seed, seconds)
    print(json.dumps(summary, ensure_ascii=False), flush=True)
    return int(not all(verdicts[arena.name].clean for arena in real) or not all(caught.values()))


def _first(verdict: Verdict) -> str:
    if not verdict.caught:
        return "NOTHING: it survives"
    return next(finding for finding in verdict.findings if "complete" not in finding)[:80]


def _print_store(arena: Arena, verdict: Verdict) -> None:
    rows = [(name, *asdict(counts).values()) for name, counts in verdict.classes.items()]
    header = ("effects", "wanted", "received", "performed", "asked", "again", *_FOUND)
    share = arena.open_kills / max(arena.random_kills, 1)
    print(
        f"\n{arena.name}: {arena.point_kills} kills at named points, {arena.random_kills} at "
        f"random instants ({share:.0%} with an open intent), {arena.turn_kills} of workers at a "
        f"rate, {arena.stops} stops, {len(arena.orders)} runs"
    )
    print(table(header, rows))
    for finding in verdict.findings[:20]:
        print(f"  FOUND {finding}")
    if arena.missed:
        print(f"  {len(arena.missed)} points weren't reached: {', '.join(arena.missed[:5])}")


def _summary(
    real: list[Arena],
    verdicts: Mapping[str, Verdict],
    caught: Mapping[str, bool],
    seed: int,
    seconds: float,
) -> dict[str, Any]:
    def total(name: str) -> int:
        return sum(verdicts[arena.name].total(name) for arena in real)

    kills = sum(arena.kills for arena in real)
    at_random = sum(arena.random_kills for arena in real)
    return {
        "benchmark": "crash",
        "machine": machine(),
        "seed": seed,
        "seconds": round(seconds, 1),
        "kills": kills,
        "lost": total("lost"),
        "doubled": total("doubled"),
        "silent_unknown": total("silent_unknown"),
        "unfinished": sum(verdicts[arena.name].unfinished for arena in real),
        "rate_exceeded": sum(verdicts[arena.name].rate_exceeded for arena in real),
        "probes_too_many": sum(verdicts[arena.name].probes_too_many for arena in real),
        "undone_out_of_order": sum(verdicts[arena.name].disordered for arena in real),
        "asked_needlessly": sum(verdicts[arena.name].needless for arena in real),
        "kills_at_random": at_random,
        "open_intent_share": round(sum(a.open_kills for a in real) / max(at_random, 1), 3),
        "stops": sum(arena.stops for arena in real),
        "stores": {
            arena.name: {
                "kills_at_points": arena.point_kills,
                "kills_at_random": arena.random_kills,
                "kills_in_turns": arena.turn_kills,
                "kills_in_an_outage": arena.outage_kills,
                "with_an_open_intent": arena.open_kills,
                "points_not_reached": len(arena.missed),
                "kills_in_layers": dict(sorted(arena.layer_kills.items())),
                "classes": {n: asdict(c) for n, c in verdicts[arena.name].classes.items()},
            }
            for arena in real
        },
        "mutants": dict(caught),
    }


if __name__ == "__main__":
    main()
