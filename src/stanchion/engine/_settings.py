"""Settings in one frozen object: code over environment over file over defaults.

The file is ``stanchion.toml`` in the working directory, the environment ``STANCHION_STORE`` and so
on. Each value knows where it came from, which ``stanchion doctor`` prints.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from stanchion.errors import ConfigurationError
from stanchion.ledger import Durability
from stanchion.models import Price
from stanchion.review import EVERYBODY, Reviewers, reviewer_from
from stanchion.workflows import Budget, Ceiling

__all__ = ["FILE", "SettingOrigin", "Settings", "load_settings"]

FILE = "stanchion.toml"

SettingOrigin: TypeAlias = Literal["code", "environment", "file", "default"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What an app can be told."""

    store: str = "sqlite:///stanchion.db"
    """``sqlite:///file``, ``sqlite://:memory:`` or ``postgresql://...``."""
    models: Mapping[str, str] = field(default_factory=dict[str, str])
    """Model specifications by role, for example ``{"fast": "local:smollm2"}``."""
    concurrency: int = 100
    """Runs that one process moves at once."""
    lease_seconds: float = 15.0
    """How long after its last sign of life a process's runs are taken over."""
    poll_seconds: float = 0.5
    """How often the store is asked for runs that other processes created or woke."""
    approval_seconds: float = 7 * 24 * 3600.0
    """How long a person may take to approve a call before it is given up; 0 for ever. A week spans
    a holiday, and what was right to do when it was asked for may not be after it."""
    reviewers: Reviewers = EVERYBODY
    """Who has which role: ``[reviewers]`` with ``ana = ["finance"]``, or ``ana = { roles = [...],
    stand_in = "bo", away_from = 2026-12-01, away_until = 2026-12-10 }``."""
    notify_url: str = ""
    """Where notices about open questions are posted; nowhere if it is empty."""
    notify_secret: str = field(default="", repr=False)
    """The ``whsec_`` secret that signs them; best in the environment."""
    durability: Durability = Durability.PROCESS
    """What every commit survives; intents of writes always survive a power loss."""
    exports: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """Where spans are exported to: options by name, a table ``[exports.NAME]`` each in the file. In
    the environment, names of types that need no options: ``STANCHION_EXPORTS=langfuse,phoenix``."""
    prices: Mapping[str, Price] = field(default_factory=dict[str, Price])
    """What a million tokens cost, by a model's name; before the listed prices."""
    ceilings: tuple[Ceiling, ...] = ()
    """What runs of a workflow, or of a tenant, may spend together."""
    app: str = ""
    """``module:attribute`` of the app that the command line serves."""


def load_settings(
    *, file: Path | None = None, environment: Mapping[str, str] | None = None, **code: Any
) -> tuple[Settings, Mapping[str, SettingOrigin]]:
    """Return the settings in force and the origin of each; of a role's model as ``models.ROLE``."""
    env = os.environ if environment is None else environment
    path = Path(FILE) if file is None else file
    sources: list[tuple[SettingOrigin, Mapping[str, Any]]] = [
        ("file", _read(path)),
        ("environment", _from_environment(env)),
        ("code", {name: value for name, value in code.items() if value is not None}),
    ]
    values: dict[str, Any] = {}
    origins: dict[str, SettingOrigin] = {f.name: "default" for f in fields(Settings)}
    roles: dict[str, SettingOrigin] = {}
    for origin, given in sources:
        for name, value in given.items():
            if name not in origins:
                raise ConfigurationError(
                    f"there is no setting {name!r} (from {origin})",
                    remedy=f"use one of: {', '.join(sorted(origins))}",
                )
            found = _convert(name, value)
            if name == "models":  # each role by itself
                roles |= {f"models.{role}": origin for role in found}
                found = {**values.get("models", {}), **found}
            values[name] = found
            origins[name] = origin
    return Settings(**values), origins | roles


def _from_environment(env: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    models: dict[str, str] = {}
    known = {f.name for f in fields(Settings)} - {"models"}
    for variable, value in env.items():
        name = variable.removeprefix("STANCHION_").lower()
        if not variable.startswith("STANCHION_"):
            continue
        if name.startswith("model_"):
            models[name.removeprefix("model_")] = value
        elif name in known:
            found[name] = value
    return {**found, "models": models} if models else found


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path} can't be read: {error}", remedy="mend the file"
        ) from error


def _convert(name: str, value: Any) -> Any:
    no_options: Mapping[str, Any] = {}
    try:
        match name:
            case "concurrency":
                return int(value)
            case "lease_seconds" | "poll_seconds" | "approval_seconds":
                return float(value)
            case "durability":
                return Durability(value)
            case "reviewers":
                if isinstance(value, Reviewers):
                    return value
                return Reviewers.of(reviewer_from(name, told) for name, told in value.items())
            case "prices":
                return {str(model): _price(given) for model, given in value.items()}
            case "ceilings":
                return tuple(_ceiling(given) for given in value)
            case "models":
                return {str(role): str(spec) for role, spec in value.items()}
            case "exports" if isinstance(value, str):
                return {name: no_options for name in map(str.strip, value.split(",")) if name}
            case "exports":
                tables = cast("Mapping[str, Mapping[str, Any]]", value)
                return {export: {**options} for export, options in tables.items()}
            case _:
                return value
    except (ValueError, AttributeError, TypeError, KeyError, ArithmeticError) as error:
        raise ConfigurationError(
            f"the setting {name} can't be {value!r}", remedy="see `stanchion doctor`"
        ) from error


def _price(given: Any) -> Price:
    """Read ``{input = "1.25", output = "10"}``, in US dollars."""
    if isinstance(given, Price):
        return given
    rates = {name: Decimal(str(amount)) for name, amount in given.items()}
    return Price(rates.pop("input"), rates.pop("output"), **cast("dict[str, Any]", rates))


def _ceiling(given: Any) -> Ceiling:
    """Read ``{per = "tenant", window = "day", usd = "50"}``."""
    if isinstance(given, Ceiling):
        return given
    own = {name: given[name] for name in ("per", "name", "window") if name in given}
    budget = {name: amount for name, amount in given.items() if name not in own}
    if isinstance(budget.get("usd"), float):
        budget["usd"] = str(budget["usd"])
    if "patience_seconds" in budget:
        budget["patience"] = timedelta(seconds=budget.pop("patience_seconds"))
    if "warn_at" in budget:
        budget["warn_at"] = tuple(budget["warn_at"])
    return Ceiling(Budget(**budget), **own)
