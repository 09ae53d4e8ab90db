"""What an operator said of a destination: options from the settings, credentials from outside.

Each destination's usual environment variables are read, so that a machine that is set up for its
own SDK needs nothing else. What is missing is named, not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stanchion import __version__
from stanchion.errors import ConfigurationError
from stanchion.observe._destination import Destination
from stanchion.observe._redact import Redaction

__all__ = ["Given"]

PLAIN = ("protocol", "when", "sample", "gzip", "timeout", "most_spans", "most_bytes")
"""Options that are a destination's fields as they are."""

COMMON = frozenset(
    {*PLAIN, "type", "url", "headers", "service", "release", "environment"}
    | {"secrets", "content", "patterns"}
)


@dataclass(slots=True)
class Given:
    """The options of one destination while it is made."""

    name: str
    options: Mapping[str, Any]
    variables: Mapping[str, str] = field(repr=False)
    lacks: list[str] = field(default_factory=list[str])

    def value(self, option: str, *variables: str, default: str = "") -> str:
        """Return an option, else the first of these environment variables that is set."""
        if option in self.options:
            return str(self.options[option])
        return next((self.variables[v] for v in variables if self.variables.get(v)), default)

    def needed(self, option: str, *variables: str) -> str:
        """Return a value without which the destination can't be used; note that it's missing."""
        found = self.value(option, *variables)
        if not found:
            self.lacks.append(" or ".join((*variables, option)) if variables else option)
        return found

    def make(self, own: set[str] | frozenset[str] = frozenset(), **chosen: Any) -> Destination:
        """Return the destination: what it chose, then what the operator says of any."""
        if unknown := sorted(set(self.options) - COMMON - own):
            raise ConfigurationError(
                f"the export {self.name!r} has no option {unknown[0]!r}",
                remedy=f"use some of: {', '.join(sorted(COMMON | own))}",
            )
        options = self.options
        chosen["headers"] = {**chosen.get("headers", {}), **options.get("headers", {})}
        chosen["resource"] = {**self._resource(), **chosen.get("resource", {})}
        chosen |= {name: options[name] for name in PLAIN if name in options}
        made = Destination(
            self.name, redaction=self._redaction(), lacks=tuple(self.lacks), **chosen
        )
        return _checked(made)

    def _resource(self) -> dict[str, str]:
        said = {
            "service.name": self.value("service", "OTEL_SERVICE_NAME", default="stanchion"),
            "service.version": self.value("release"),
            "deployment.environment.name": self.value("environment"),
            "telemetry.sdk.name": "stanchion",
            "telemetry.sdk.language": "python",
            "telemetry.sdk.version": __version__,
        }
        return {name: value for name, value in said.items() if value}

    def _redaction(self) -> Redaction:
        try:
            patterns = tuple(re.compile(each) for each in self.options.get("patterns", ()))
        except re.error as error:
            raise ConfigurationError(
                f"a pattern of the export {self.name!r} can't be read: {error}",
                remedy="mend it: nothing is sent with a redaction that doesn't work",
            ) from error
        return Redaction(
            secrets=bool(self.options.get("secrets", True)),
            content=bool(self.options.get("content", False)),
            patterns=patterns,
        )


def _checked(made: Destination) -> Destination:
    if made.protocol not in ("http/protobuf", "http/json", "grpc"):
        problem = f"the protocol {made.protocol!r} isn't one"
    elif made.when not in ("step", "run"):
        problem = f'when is "step" or "run", not {made.when!r}'
    elif not 0 <= made.sample <= 1:
        problem = f"sample is a share from 0 to 1, not {made.sample}"
    elif not made.url.startswith(("http://", "https://")):
        problem = f"{made.url!r} is no address"
    else:
        return made
    raise ConfigurationError(
        f"the export {made.name!r} can't be: {problem}", remedy="see docs/observe.md"
    )
