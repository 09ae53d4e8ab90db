"""What a model call costs, from the operator's own prices or the ``genai-prices`` table.

The table ships with its package; nothing is fetched. None means unpriced, which is never zero: a
ceiling in money can't be kept with it. Models that run in this process and scripted ones cost
nothing, unless the operator gives them a price; the record of each call says which model it was
and whether it was real. Cached tokens are part of the input and reasoning part of the output, each
at its own rate where it has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from stanchion.models._model import Model, ModelResponse
from stanchion.values import Money, Usage

__all__ = ["Price", "highest_price", "price"]

FREE_FAMILIES = frozenset({"local"})
FREE_PROVIDERS = frozenset({"llama.cpp", "scripted"})
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens cost, as the operator says."""

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    """Of input read from a cache; like the rest of the input if None."""
    cache_write: Decimal | None = None
    currency: str = "USD"

    def of(self, usage: Usage) -> Money:
        """Return the cost of this many tokens."""
        read, written = usage.cache_read_tokens, usage.cache_write_tokens
        fresh = max(0, usage.input_tokens - read - written)
        amount = (
            fresh * self.input
            + read * (self.input if self.cache_read is None else self.cache_read)
            + written * (self.input if self.cache_write is None else self.cache_write)
            + usage.output_tokens * self.output
        )
        return Money(amount / MILLION, self.currency)

    def at_most(self, usage: Usage) -> Money:
        """Return the most that so many tokens cost, whichever of them a cache reads or writes."""
        rates = [r for r in (self.input, self.cache_read, self.cache_write) if r is not None]
        amount = usage.input_tokens * max(rates) + usage.output_tokens * self.output
        return Money(amount / MILLION, self.currency)


def price(
    model: Model, response: ModelResponse, *, own: Mapping[str, Price] | None = None
) -> Money | None:
    """Return the cost of one response, None if nobody knows the price.

    ``own`` comes first: prices by a model's configured name or by the name that its provider
    reports.
    """
    own = own or {}
    given = own.get(model.name) or own.get(response.model)
    if given is not None:
        return given.of(response.usage)
    if response.provider in FREE_PROVIDERS or not model.real:
        return Money(Decimal(0))
    return _listed(response.provider, response.model, response.usage)


def highest_price(model: Model, usage: Usage, *, own: Mapping[str, Price]) -> Money | None:
    """Return the most that so many tokens of a model can cost, None if nobody knows the price.

    No answer has said yet which model it is, so the configured name decides.
    """
    given = own.get(model.name)
    if given is not None:
        return given.at_most(usage)
    family, _, name = model.name.partition(":")
    if family in FREE_FAMILIES or not model.real:
        return Money(Decimal(0))
    if family == "openai-compatible":
        family, _, name = name.partition("#")
    cached = replace(usage, cache_write_tokens=usage.input_tokens)
    found = [_listed(family, name, usage), _listed(family, name, cached)]
    return max((price for price in found if price is not None), key=_amount, default=None)


def _amount(money: Money) -> Decimal:
    return money.amount


def _listed(provider: str, model: str, usage: Usage) -> Money | None:
    # Start-up time: half a second for the table, and only calls of real providers need it.
    from genai_prices import Usage as Counted  # start-up time
    from genai_prices import calc_price  # start-up time

    counted = Counted(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens or None,
        cache_write_tokens=usage.cache_write_tokens or None,
    )
    try:
        if "." in provider:  # the host of an OpenAI-compatible endpoint
            found = calc_price(counted, model, provider_api_url=f"https://{provider}/")
        else:
            found = calc_price(counted, model, provider_id=provider)
    except (LookupError, ValueError):  # not in the table, or more tokens cached than read
        return None
    return Money(found.total_price)
