"""What can be opened as a store, and what is refused with a remedy."""

import asyncio
import gc
import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from stanchion.errors import ConfigurationError, SchemaMismatch, StoreCorrupt, StoreUnavailable
from stanchion.ledger import RunFilter, open_store, verify
from tests.conformance.ledgers import a_run, commit, owned, step


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_what_was_written_is_there_when_the_store_is_opened_again(shared_url: str) -> None:
    store = open_store(shared_url)
    run = await owned(store)
    await store.append(commit(run, step(0, "x")))
    entries = await store.entries("run-1")
    await store.close()

    again = open_store(shared_url)

    assert await again.entries("run-1") == entries
    assert (await verify(again)).ok
    await again.close()


async def test_a_store_in_memory_is_empty_every_time() -> None:
    store = open_store("sqlite://:memory:")
    await store.create(a_run())
    await store.close()

    other = open_store("sqlite://:memory:")
    assert await other.list(RunFilter()) == []
    await other.close()


async def test_three_slashes_are_relative_and_four_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    await open_store("sqlite:///relative.db").close()
    await open_store(f"sqlite:////{tmp_path}/absolute.db").close()

    assert files_in(tmp_path) == ["absolute.db", "relative.db"]


@pytest.mark.parametrize(
    "url", ["mysql://host/db", "agent.db", "sqlite://", "sqlite:///", "sqlite://agent.db", ""]
)
def test_an_address_that_names_no_store_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_store(url)
    assert refused.value.remedy


@pytest.mark.parametrize("content", [b"hello", b"not a database" * 1000])
def test_a_file_that_is_no_database_is_refused_and_left_alone(file: Path, content: bytes) -> None:
    file.write_bytes(content)

    with pytest.raises(StoreCorrupt) as refused:
        open_store(f"sqlite:///{file}")

    assert refused.value.remedy
    assert file.read_bytes() == content


async def test_a_damaged_file_says_so_when_it_is_read(file: Path) -> None:
    store = open_store(f"sqlite:///{file}")
    run = await owned(store)
    for i in range(50):
        await store.append(commit(run, step(i, os.urandom(2000).hex())))
    await store.close()
    damage(file)
    damaged = open_store(f"sqlite:///{file}")

    with pytest.raises(StoreCorrupt):
        await damaged.entries("run-1")
    await damaged.close()


def damage(file: Path) -> None:
    """Overwrite the later half, in which no table begins."""
    content = bytearray(file.read_bytes())
    half = len(content) // 2
    content[half:] = b"?" * (len(content) - half)
    file.write_bytes(content)


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="nowhere") as refused:
        open_store(f"sqlite:///{tmp_path}/nowhere/agent.db")
    assert "folder" in refused.value.remedy


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(StoreUnavailable, match="localhost") as refused:
        open_store("postgresql://nobody@localhost:1/nothing")
    assert refused.value.remedy


def test_processes_that_open_a_fresh_store_at_once_succeed_and_exit_without_closing_it(
    tmp_path: Path, new_postgres_url: str
) -> None:
    urls = [f"sqlite:///{tmp_path}/fresh.db", new_postgres_url]
    program = f"""
        import asyncio, sys
        from stanchion.ledger import open_store
        from tests.conformance.ledgers import a_run
        import stanchion.ledger._open, stanchion.ledger._postgres
        sys.stdin.read()
        for url in {urls!r}:
            asyncio.run(open_store(url).create(a_run(key="k")))
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    openers = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(2)]
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.close()

    assert [opener.wait(60) for opener in openers] == [0, 0]
    assert [asyncio.run(started(url)) for url in urls] == [["run-1"], ["run-1"]]


async def started(url: str) -> list[str]:
    store = open_store(url)
    runs = await store.list(RunFilter())
    await store.close()
    return [run.id for run in runs]


async def test_a_file_is_kept_in_wal_mode(file: Path) -> None:
    store = open_store(f"sqlite:///{file}")
    told = await store.describe()
    await store.close()

    assert (told["journal mode"], told["synchronous"]) == ("wal", "normal")
    assert (told["file"], told["durability"]) == (str(file), "process")


async def test_a_closed_store_says_so_and_leaves_no_files_open(file: Path) -> None:
    store = open_store(f"sqlite:///{file}")
    run = await owned(store)
    await store.append(commit(run, step(0)))
    await store.entries("run-1")
    await store.close()
    await store.close()

    with pytest.raises(StoreUnavailable, match="closed"):
        await store.get("run-1")
    del store
    gc.collect()  # an unclosed connection would warn, and warnings are errors
    assert files_in(file.parent) == ["ledger.db"]  # without connections SQLite keeps no WAL


def test_a_process_that_opens_a_new_file_waits_for_one_that_does_so_too(file: Path) -> None:
    first = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    first.execute("CREATE TABLE any_table (n)")
    first.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.2, first.execute, ["COMMIT"])
    done.start()
    try:
        with pytest.raises(SchemaMismatch):  # waited for the lock, then saw a foreign table
            open_store(f"sqlite:///{file}")
    finally:
        done.join()
        first.close()


def test_a_new_file_that_stays_locked_is_given_up_with_a_remedy(file: Path) -> None:
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="write lock") as busy:
        open_store(f"sqlite:///{file}", busy_timeout_seconds=0.1)
    holder.close()

    assert "stop the process" in busy.value.remedy
