"""Python objects named on the command line: ``MODULE:NAME`` or ``file.py:NAME``.

What the module itself raises while it is imported becomes an error that names the line.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from stanchion.engine import Settings, Stanchion
from stanchion.errors import ConfigurationError
from stanchion.tools import Tool
from stanchion.workflows import Workflow

__all__ = ["load_app", "load_named", "load_target", "load_tools", "load_workflow"]


def load_workflow(target: str) -> Workflow[Any, Any, Any]:
    """Return the workflow that a target names, or raise ConfigurationError."""
    found = load_target(target)
    if isinstance(found, Workflow):
        return found
    raise ConfigurationError(f"{target} is an app, not a workflow", remedy="name the workflow")


def load_app(targets: list[str], settings: Settings) -> Stanchion:
    """Return the app that is named, or one with these settings for the workflows named."""
    found = [load_target(target) for target in targets]
    workflows = [each for each in found if isinstance(each, Workflow)]
    apps = [each for each in found if isinstance(each, Stanchion)]
    if not apps:
        return Stanchion(settings=settings, workflows=workflows)
    if len(found) > 1:
        raise ConfigurationError(
            "an app is served alone", remedy="name one app, or workflows without an app"
        )
    return apps[0]


def load_target(target: str) -> Workflow[Any, Any, Any] | Stanchion:
    """Return the app or workflow that a target names, or raise ConfigurationError."""
    return load_named(target, (Workflow, Stanchion), "app or workflow")


def load_named(target: str, kinds: tuple[type[Any], ...], what: str) -> Any:
    """Return the object of one of these kinds that a target names; the only one without a name."""
    name, colon, attribute = target.rpartition(":")
    if not colon:
        name, attribute = target, ""
    module = _import(name)
    known = {key: value for key, value in vars(module).items() if isinstance(value, kinds)}
    if not attribute and len(known) == 1:
        return next(iter(known.values()))
    if attribute in known:
        return known[attribute]
    there = ", ".join(f"{name}:{each}" for each in known) or "nothing of the kind"
    problem = f"is no {what}" if hasattr(module, attribute) else "isn't there"
    raise ConfigurationError(f"{target} {problem}", remedy=f"there is: {there}")


def load_tools(target: str) -> tuple[Tool[..., Any], ...]:
    """Return the tools that a module defines or imports, or the one named after its colon."""
    name, colon, wanted = target.rpartition(":")
    if not colon:
        name, wanted = target, ""
    found: list[Tool[..., Any]] = []
    for value in vars(_import(name)).values():
        if isinstance(value, Tool) and value not in found:
            found.append(cast("Tool[..., Any]", value))
    tools = tuple(found)
    chosen = tuple(each for each in tools if not wanted or each.name == wanted)
    if chosen:
        return chosen
    there = ", ".join(f"{name}:{each.name}" for each in tools) or "no tool"
    raise ConfigurationError(f"{target} has no tool of this name", remedy=f"there is: {there}")


def _import(name: str) -> ModuleType:
    """Import a module from the working directory, or one named by its file."""
    folder = Path.cwd()
    if name.endswith(".py"):
        folder, name = Path(name).resolve().parent, Path(name).stem
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise ConfigurationError(
                f"there is no module {name!r} in {folder} or among the installed packages",
                remedy="go to the folder that holds it, or name the file: path/to/file.py:NAME",
            ) from error
        raise _broken(name, error) from error
    except Exception as error:
        raise _broken(name, error) from error


def _broken(name: str, error: Exception) -> ConfigurationError:
    """Say in which line of the person's own code the import failed."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if not f.filename.startswith("<") and f.filename != __file__]
    where = f" at {own[-1].filename}:{own[-1].lineno}" if own else ""
    return ConfigurationError(
        f"{name} can't be imported{where}: {type(error).__name__}: {error}",
        remedy="mend it; `python -c 'import " + name + "'` shows the same",
    )
