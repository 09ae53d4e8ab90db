"""Which functions change something, and which of their parameters are targets.

One rule on names, for all schemas alike. A function reads if its name begins with a word of looking
or computing; every other one changes something. Of those, a parameter is a target if its name says
that it is an id, a recipient or a path. Written from the schemas, but for three things that were
added after cases had been played: recipients share the roles of users, a destination without a
source is a location, and ``filter`` reads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["is_read", "targets_of"]

LOOKING = {
    *("cat", "check", "compute", "diff", "display", "du", "estimate", "filter", "find", "get"),
    *("grep", "list", "ls", "pwd", "retrieve", "search", "sort", "tail", "verify", "view", "wc"),
}
COMPUTING = {"gallon", "liter"}
STATUS = "_login_status"
"""``posting_get_login_status`` and its like look, too."""

ID = {"id"}
RECIPIENT = {"mentions", "receiver", "recipient", "user", "username", "usernames"}
PATH = {"destination", "dir", "directory", "file", "folder", "path", "source", "url"}

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def is_read(api: str, name: str) -> bool:
    """Tell whether a function only looks or computes."""
    first = words(name)[0]
    return api == "MathAPI" or name.endswith(STATUS) or first in LOOKING | COMPUTING


def targets_of(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters that say on whom or what a function acts, with their roles.

    A recipient is a user, by id or by name; a destination of something that has no source is a
    location; every other target plays the role that it is called.
    """
    found: dict[str, str] = {}
    for name in parameters:
        said = set(words(name))
        if said & RECIPIENT:
            found[name] = "user_id" if said & ID else "username"
        elif name == "destination" and "source" not in parameters:
            found[name] = "location"
        elif said & (ID | PATH):
            found[name] = name
    return found


def words(name: str) -> list[str]:
    """Return the words of a name."""
    return [word.lower() for word in _WORD.findall(name)]
