"""The contract of a function that has none: a write without any capability.

What is known of such a function is its name and perhaps its return type. Whatever it does may
have happened and can't be asked about, so an unknown outcome always goes to a person.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic.errors import PydanticInvalidForJsonSchema

from stanchion.ledger import MAX_PAYLOAD_BYTES, Codec, codec_for
from stanchion.tools._contract import Contract
from stanchion.tools._parameters import Parameters
from stanchion.tools._registration import with_digest
from stanchion.tools._retry import RetryPolicy
from stanchion.tools._schema import without_titles

__all__ = ["bare_contract"]


def bare_contract(
    name: str, returns: Any, timeout: timedelta, *, is_async: bool = True
) -> Contract:
    """Make the contract of any callable. Its call has one argument, ``arguments``, a list.

    ``name`` may be anything, since no model sees it. Raises EncodingError for a return type whose
    values can't be recorded.
    """
    parameter = inspect.Parameter("arguments", inspect.Parameter.KEYWORD_ONLY, annotation=list[Any])
    arguments = Parameters([parameter], {}, where=name, max_bytes=MAX_PAYLOAD_BYTES)
    codec = codec_for(returns)
    contract = Contract(
        name=name,
        description="A function without a contract.",
        effect="write",
        trusted=False,
        accepts_key=False,
        key_validity=None,
        reconcile=None,
        compensate=None,
        needs_review=False,
        timeout=timeout,
        retry=RetryPolicy(attempts=1),
        rate=None,
        heartbeat=None,
        fresh=None,
        breaker=None,
        targets={},
        content=frozenset(),
        asked=None,
        private=False,
        arguments=arguments,
        result=codec,
        parameters=arguments.schema,
        returns=_schema(codec),
        examples=(),
        max_result_bytes=MAX_PAYLOAD_BYTES,
        takes_context=False,
        is_async=is_async,
        version="",
        digest="",
        notes=(),
    )
    return with_digest(contract)


def _schema(codec: Codec[Any]) -> Mapping[str, Any]:
    try:
        return without_titles(codec.schema())
    except PydanticInvalidForJsonSchema:  # recorded all the same, only not described
        return {}
