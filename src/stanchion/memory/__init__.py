"""Memory: what is known beyond one window or one run, who said it, and how far it counts.

Owns what a memory is, where it belongs, which of several on one subject stands, and how a question
is answered from them. Holds no workflow logic: writing and reading as steps is the workflows'.
"""

from stanchion.memory._memory import (
    LONGEST_SUBJECT,
    LONGEST_TEXT,
    MOST,
    SCOPES,
    Kind,
    Memory,
    Scope,
    Source,
    check_size,
    new_id,
    subject_key,
)
from stanchion.memory._recall import Question, about, body_of, find_memory, newest, recall
from stanchion.memory._shelves import (
    Shelf,
    documents_of,
    shelf_of,
    shelves_for,
    withdrawals,
)
from stanchion.memory._standing import arrange, stand
from stanchion.memory._vectors import Vector, vector_of

__all__ = [
    "LONGEST_SUBJECT",
    "LONGEST_TEXT",
    "MOST",
    "SCOPES",
    "Kind",
    "Memory",
    "Question",
    "Scope",
    "Shelf",
    "Source",
    "Vector",
    "about",
    "arrange",
    "body_of",
    "check_size",
    "documents_of",
    "find_memory",
    "new_id",
    "newest",
    "recall",
    "shelf_of",
    "shelves_for",
    "stand",
    "subject_key",
    "vector_of",
    "withdrawals",
]
