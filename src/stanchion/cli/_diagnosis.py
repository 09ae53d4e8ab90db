"""What the doctor looks at: settings with their origins, the store, the models, the versions.

Each check is a value; what is wrong has a remedy. Looking changes nothing: a store that isn't there
is not made, no model is called, no secret is shown.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from importlib import metadata
from typing import Any, cast
from urllib.parse import urlsplit

import stanchion
from stanchion import ledger
from stanchion.cli._stores import check_exists
from stanchion.cli._targets import load_target
from stanchion.engine import ModelSpec, Settings, Stanchion, load_settings
from stanchion.errors import StanchionError
from stanchion.models import inventory, resolve

__all__ = ["Check", "diagnose", "without_secret"]

_PACKAGES = (
    *("pydantic", "sqlalchemy", "alembic", "zstandard", "httpx", "typer", "rich"),
    *("psycopg", "pydantic-ai-slim", "xllamacpp"),
)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    topic: str
    name: str
    value: str
    origin: str = ""
    """Where the value comes from, for settings."""
    problem: str = ""
    """What is wrong; empty if nothing is."""
    remedy: str = ""


async def diagnose(store: str | None) -> list[Check]:
    """Look at everything that a run here would depend on."""
    try:
        settings, origins = load_settings(store=store)
    except StanchionError as error:
        return [*_versions(), _wrong("settings", "file", "", error)]
    checks = [*_versions(), *_settings(settings, origins), *await _store(settings)]
    return [*checks, *_models(settings, origins), *_app(settings)]


def _versions() -> Iterator[Check]:
    yield Check("versions", "stanchion", stanchion.__version__)
    yield Check("versions", "python", f"{platform.python_version()} on {platform.platform()}")
    for name in _PACKAGES:
        yield Check("versions", name, _version(name) or "not installed")


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _settings(settings: Settings, origins: Mapping[str, str]) -> Iterator[Check]:
    for name in (field.name for field in fields(settings)):
        value = getattr(settings, name)
        yield Check("settings", name, _told(name, value), origins[name])


def _told(name: str, value: Any) -> str:
    """Return a setting's value as anybody may see it."""
    match name:
        case "store":
            return without_secret(value)
        case "notify_secret":
            return "***" if value else ""
        case "notify_url":  # its path is often a secret
            url = urlsplit(str(value))
            return f"{url.scheme}://{url.hostname}/***" if value else ""
        case "exports":  # their options may be credentials
            return ", ".join(sorted(value)) or "none"
        case "reviewers":
            people = value.known.values()
            return "; ".join(f"{each.id}: {', '.join(sorted(each.roles))}" for each in people)
        case _:
            return _plain(value)


def without_secret(url: str) -> str:
    """Return a store's address without its password."""
    secret = urlsplit(url).password
    return url.replace(f":{secret}@", ":***@", 1) if secret else url


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value).items()
        return ", ".join(f"{name}={each}" for name, each in sorted(pairs)) or "none"
    return str(value) or "none"


async def _store(settings: Settings) -> list[Check]:
    address = without_secret(settings.store)
    try:
        check_exists(settings.store)
        store = ledger.open_store(settings.store, durability=settings.durability)
    except StanchionError as error:
        return [_wrong("store", "reachable", address, error)]
    try:
        told = await store.describe()
    except StanchionError as error:
        return [_wrong("store", "reachable", address, error)]
    finally:
        await store.close()
    return [Check("store", name, str(value)) for name, value in told.items()]


def _models(settings: Settings, origins: Mapping[str, str]) -> Iterable[Check]:
    families = {status.spec.partition(":")[0]: status for status in inventory()}
    for role, spec in sorted(settings.models.items()):
        origin = origins[f"models.{role}"]
        try:
            resolve(spec)
        except StanchionError as error:
            yield replace(_wrong("models", role, spec, error), origin=origin)
            continue
        status = families.get(spec.partition(":")[0])
        found = Check("models", role, spec, origin)
        if status is None or status.usable:
            yield found
        else:
            yield replace(found, problem=f"{spec} can't be used here", remedy=status.missing)


def _app(settings: Settings) -> Iterator[Check]:
    if not settings.app:
        return
    try:
        found = load_target(settings.app)
    except StanchionError as error:
        yield _wrong("app", "import", settings.app, error)
        return
    yield Check("app", "import", settings.app)
    if isinstance(found, Stanchion):
        for role, given in sorted(found.models_in_code.items()):
            yield Check("app", f"model {role}", _named(given), "code")


def _named(given: ModelSpec) -> str:
    """Return a model that code gave to an app: its specification, or its name."""
    if isinstance(given, str):
        return given
    if isinstance(given, Sequence):
        return ", then ".join(_named(each) for each in given)
    return given.name


def _wrong(topic: str, name: str, value: str, error: StanchionError) -> Check:
    return Check(topic, name, value, "", error.message, error.remedy)
