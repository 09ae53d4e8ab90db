"""Which of several memories stands, and in which order they are read. Pure.

About one subject the newest trusted memory stands, and the older trusted ones after it, marked.
What nobody vouches for stands beside them, after them and marked as well, and takes the place of
nothing but what is untrusted itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from stanchion.memory._memory import Memory, subject_key

__all__ = ["arrange", "stand"]


def stand(memories: Iterable[Memory]) -> list[Memory]:
    """Return the memories about one subject: trusted first, newest first, the older ones marked."""
    by_age = sorted(memories, key=lambda memory: memory.source.at, reverse=True)
    trusted = [memory for memory in by_age if memory.trusted]
    return [*_marked(trusted), *_marked([m for m in by_age if not m.trusted])]


def _marked(newest_first: Sequence[Memory]) -> list[Memory]:
    if not newest_first:
        return []
    first, *older = newest_first
    return [first, *(replace(memory, superseded_by=first.id) for memory in older)]


def arrange(ranked: Sequence[Memory], about: Iterable[Memory]) -> list[Memory]:
    """Return what answers a question, by subject, with what else is known ``about`` each.

    Subjects that a trusted memory brought come first, however well an untrusted one answers.
    """
    by_trust = sorted(ranked, key=lambda memory: not memory.trusted)
    known: dict[tuple[str, str], dict[str, Memory]] = {_subject(m): {} for m in by_trust}
    for memory in (*ranked, *about):
        known[_subject(memory)][memory.id] = memory
    return [memory for subject in known.values() for memory in stand(subject.values())]


def _subject(memory: Memory) -> tuple[str, str]:
    return memory.scope, subject_key(memory.subject)
