"""A small real bank in SQLite: accounts, refunds once per key, letters to customers."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (number TEXT PRIMARY KEY, holder TEXT, balance TEXT);
CREATE TABLE IF NOT EXISTS refunds (key TEXT PRIMARY KEY, account TEXT, amount TEXT, ticket TEXT);
CREATE TABLE IF NOT EXISTS letters (key TEXT PRIMARY KEY, account TEXT, text TEXT);
"""


@dataclass(frozen=True)
class Bank:
    """The bank's own database; nobody but its methods writes to it."""

    path: Path

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=10)
        connection.executescript(SCHEMA)
        return connection

    def open_account(self, number: str, holder: str) -> None:
        """Add an account."""
        with self._connect() as db:
            row = (number, holder, "100.00")
            db.execute("INSERT OR IGNORE INTO accounts VALUES (?, ?, ?)", row)

    def holder(self, number: str) -> str | None:
        """Return the name on an account."""
        with self._connect() as db:
            row = db.execute("SELECT holder FROM accounts WHERE number = ?", (number,)).fetchone()
        return None if row is None else str(row[0])

    def refund(self, key: str, account: str, amount: Decimal, ticket: str) -> bool:
        """Pay a refund; a key that was used before changes nothing. False then."""
        with self._connect() as db:
            row = (key, account, f"{amount:.2f}", ticket)
            done = db.execute("INSERT OR IGNORE INTO refunds VALUES (?, ?, ?, ?)", row)
        return done.rowcount == 1

    def has_refund(self, key: str) -> bool:
        """Tell whether a refund with this key was paid."""
        with self._connect() as db:
            return bool(db.execute("SELECT 1 FROM refunds WHERE key = ?", (key,)).fetchone())

    def write(self, key: str, account: str, text: str) -> None:
        """Send a letter to an account's holder."""
        with self._connect() as db:
            db.execute("INSERT OR IGNORE INTO letters VALUES (?, ?, ?)", (key, account, text))

    def refunds(self) -> list[tuple[str, str, str]]:
        """Return (ticket, account, amount) of every refund: the table that counts."""
        with self._connect() as db:
            return db.execute("SELECT ticket, account, amount FROM refunds").fetchall()
