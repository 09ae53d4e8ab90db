"""A certificate: from which confidence on a node's own decisions are wrong rarely enough.

``stanchion.evaluate.certify`` makes one from labelled cases; here it is a plain value that says
what it holds for. It is *marginal*: over cases like the labelled ones, automatic decisions are
wrong at most as often as ``risk`` says, with probability ``confidence`` over the draw of the
labels. It promises nothing for a single slice or for cases of another kind, and is void as soon as
anything that decides has changed.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from stanchion.errors import ConfigurationError

__all__ = ["Certificate", "Slice", "void_because"]


@dataclass(frozen=True, slots=True)
class Slice:
    """How automatic decisions did on a part of the cases."""

    name: str
    errors: int
    cases: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was certified, for whom, and on what evidence."""

    node: str
    """Hex digest of what decides: model version, prompt, schema, examples, calibration, index."""
    risk: float
    """The share of automatic decisions that may be wrong."""
    confidence: float
    """How likely the claim holds, over the draw of the labels; what the search cost is paid."""
    threshold: float | None
    """Decisions at least this sure are the machine's; None if nothing could be certified."""
    cases: int
    """Cases at or above the threshold, in the set that it was chosen on."""
    errors: int
    coverage: float
    """The share of those cases that is decided automatically."""
    missing: int
    """Further labels without an error that the first certificate needs at least; 0 if none."""
    checked: Slice | None = None
    """What a final test set, used for nothing else, showed at the threshold."""
    worst: Slice | None = None
    """The part of the cases with the highest share of errors; no claim is made for it alone."""
    expires_at: datetime | None = None

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a certificate written by ``save``. Raises ConfigurationError."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            for name in ("checked", "worst"):
                data[name] = None if data[name] is None else Slice(**data[name])
            expires = data["expires_at"]
            data["expires_at"] = None if expires is None else datetime.fromisoformat(expires)
            return cls(**data)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(
                f"{path} isn't a certificate: {error}", remedy="certify the node again"
            ) from error

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        data = asdict(self)
        data["expires_at"] = None if self.expires_at is None else self.expires_at.isoformat()
        path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")

    def __str__(self) -> str:
        claim = f"{self.risk:.3g} wrong at most, with {self.confidence:.0%} confidence"
        if self.threshold is None:
            return f"no certificate for {claim}: {self.missing} further labels at least"
        return (
            f"{claim}: at {self.threshold:.3f} and above, which is {self.coverage:.0%} of the "
            f"cases ({self.errors} of {self.cases} wrong); over all of them, not for each slice"
        )


def void_because(
    certificate: Certificate | None, risk: float, node: str, *, versioned: bool, now: datetime
) -> str:
    """Say why a certificate doesn't allow this node to decide by itself; empty if it does.

    ``versioned`` says whether the provider names the version of the model that answered: without
    one only a date of expiry bounds how long the claim can be believed.
    """
    if certificate is None:
        return f"there is no certificate for a risk of {risk:.3g}"
    if certificate.threshold is None:
        return f"nothing was certified; {certificate.missing} further labels are needed at least"
    if certificate.risk > risk:
        return f"the certificate is for a risk of {certificate.risk:.3g}, not {risk:.3g}"
    if certificate.node != node:
        return "what decides isn't what was certified: model version, prompt, schema or examples"
    if certificate.expires_at is None and not versioned:
        return "the model's version isn't known, and the certificate has no date of expiry"
    if certificate.expires_at is not None and now >= certificate.expires_at:
        return f"the certificate expired on {certificate.expires_at:%Y-%m-%d}"
    return ""
