"""The English words that this room knows; what is said in other words is asked about.

Nothing here widens what may be done without a person except by what an initiator wrote.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ALIKE", "BEFORE_VERBS", "FUNCTION_WORDS", "LEAST", "MOST", "NOUNS_TOO"]

ALIKE: Mapping[str, str] = {
    "add": "add insert put include join attach",
    "append": "append add write insert put include",
    "approve": "approve accept confirm allow sign",
    "assign": "assign give delegate",
    "book": "book reserve reservation rent order",
    "buy": "buy order purchase",
    "cancel": "cancel delete remove abort",
    "close": "close finish resolve",
    "copy": "copy duplicate",
    "create": "create add make set schedule book put plan arrange write open start generate",
    "delete": "delete remove erase discard clear trash purge",
    "download": "download fetch save",
    "execute": "execute run start launch",
    "invite": "invite add onboard",
    "move": "move transfer put",
    "open": "open start create reopen",
    "pay": "pay transfer refund wire send reimburse settle payment",
    "post": "post publish write send reply announce share upload put",
    "publish": "publish post release announce",
    "remove": "remove delete kick exclude drop",
    "reserve": "reserve reservation book rent",
    "reschedule": "reschedule move postpone shift change",
    "run": "run execute start launch",
    "schedule": "schedule plan set arrange",
    "send": "send mail email message write reply respond answer tell notify forward inform post",
    "share": "share grant give send",
    "update": "update change adjust modify edit set correct amend replace rename increase lower",
    "upload": "upload add store save put",
    "write": "write save store create add",
}
"""By which words people ask for what a verb does."""

_NOUNS_TOO = """
answer book change copy email mail message order plan post refund release rent reply schedule share
store transfer
"""
NOUNS_TOO = frozenset(_NOUNS_TOO.split())
"""Verbs that are nouns as well."""

_BEFORE_VERBS = "also and can could just now or please then to you"
BEFORE_VERBS = frozenset(_BEFORE_VERBS.split())
"""Before one of them, they say that it is a verb; so does the beginning of a clause."""

_FUNCTION_WORDS = """
a an and any are as at be been by can could do for from had has have he her him his i if in is it
its just like me mine my no not of off on or our ours out please she so than that the their them
then there these they this those to too us was we were what when where which who whom will with
would you
your yours
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
"""Words that name nothing unless they are quoted."""

MOST = frozenset({"biggest", "greatest", "heaviest", "highest", "largest", "longest", "most"})
LEAST = frozenset({"cheapest", "fewest", "least", "lightest", "lowest", "shortest", "smallest"})
