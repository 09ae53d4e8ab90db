"""Review: questions to people, their answers, and the inbox between them and the runs.

Owns what a question is bound to and which answers are taken. Holds no user interface.
"""

from stanchion.review._answer import Answer, ReviewRefused, check_answer, reply
from stanchion.review._bodies import (
    answer_from_body,
    answer_to_body,
    question_from_body,
    question_to_body,
    questions_from_waits,
)
from stanchion.review._defang import MAX_SHOWN, defang
from stanchion.review._inbox import Letterbox, ReviewInbox
from stanchion.review._question import (
    ANSWER,
    DECLINE,
    Occasion,
    approval,
    argument,
    ask,
    decision,
    left_over,
    unknown_outcome,
)

__all__ = [
    "ANSWER",
    "DECLINE",
    "MAX_SHOWN",
    "Answer",
    "Letterbox",
    "Occasion",
    "ReviewInbox",
    "ReviewRefused",
    "answer_from_body",
    "answer_to_body",
    "approval",
    "argument",
    "ask",
    "check_answer",
    "decision",
    "defang",
    "left_over",
    "question_from_body",
    "question_to_body",
    "questions_from_waits",
    "reply",
    "unknown_outcome",
]
