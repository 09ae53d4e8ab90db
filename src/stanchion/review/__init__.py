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
from stanchion.review._notice import due_notices, headers_of, key_of, notice_of
from stanchion.review._question import (
    AGAIN,
    ANSWER,
    DECLINE,
    DENY,
    RAISE,
    Occasion,
    approval,
    argument,
    ask,
    ceiling,
    decision,
    left_over,
    unknown_outcome,
)
from stanchion.review._who import (
    EVERYBODY,
    Approvers,
    Reviewer,
    Reviewers,
    approvers,
    may_not,
    reviewer_from,
    roles_now,
)

__all__ = [
    "AGAIN",
    "ANSWER",
    "DECLINE",
    "DENY",
    "EVERYBODY",
    "MAX_SHOWN",
    "RAISE",
    "Answer",
    "Approvers",
    "Letterbox",
    "Occasion",
    "ReviewInbox",
    "ReviewRefused",
    "Reviewer",
    "Reviewers",
    "answer_from_body",
    "answer_to_body",
    "approval",
    "approvers",
    "argument",
    "ask",
    "ceiling",
    "check_answer",
    "decision",
    "defang",
    "due_notices",
    "headers_of",
    "key_of",
    "left_over",
    "may_not",
    "notice_of",
    "question_from_body",
    "question_to_body",
    "questions_from_waits",
    "reply",
    "reviewer_from",
    "roles_now",
    "unknown_outcome",
]
