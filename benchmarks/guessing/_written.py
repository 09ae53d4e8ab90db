"""What a case's words and results hold, read without the runtime that is measured.

The judge of this benchmark: it looks for texts and knows nothing of grounds, labels or types.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, cast

from benchmarks.guessing._cases import Call

__all__ = ["is_said", "is_sole", "is_written", "leaves"]

Done = Sequence[tuple[Call, Any]]


def leaves(document: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the scalars of a document, with the name of the field that each stands in."""
    if isinstance(document, Mapping):
        for key, value in cast("Mapping[Any, Any]", document).items():
            yield from leaves(value, str(key))
    elif isinstance(document, list | tuple):
        for value in cast("Sequence[Any]", document):
            yield from leaves(value, name)
    elif document is not None and not isinstance(document, bool):
        yield name, document


def is_said(value: Any, words: Sequence[str]) -> bool:
    """Tell whether the user has written a value, whole."""
    bare = str(value).removeprefix("@").removeprefix("./")
    pattern = rf"(?<!\w){re.escape(bare)}(?!\w)"
    return bool(bare) and bool(re.search(pattern, " ".join(words), re.IGNORECASE))


def is_written(value: Any, words: Sequence[str], done: Done) -> bool:
    """Tell whether every word of a value stands somewhere that a model could have read it."""
    text = f"{' '.join(words)} {json.dumps([result for _, result in done], default=str)}".lower()
    return all(part in text for part in re.findall(r"[^\W_]+", str(value).lower()))


def is_sole(value: Any, words: Sequence[str], done: Done, made: Set[str]) -> bool:
    """Tell whether this value stands alone in a field of something that the user's words led to.

    That is a look-up by nothing but their words, or the result of what they had done (``made``).
    """
    for call, result in done:
        by_words = all(is_said(each, words) for _, each in leaves(dict(call.arguments)))
        if not by_words and call.name not in made:
            continue
        fields: dict[str, set[str]] = {}
        for name, each in leaves(result):
            fields.setdefault(name, set()).add(str(each))
        if {str(value)} in fields.values():
            return True
    return False
