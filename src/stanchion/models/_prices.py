"""What a model call costs, from the ``genai-prices`` table or the operator's own.

None means unpriced, which is never zero: a ceiling in money can't be kept with it. Local and
scripted models cost nothing per token.
"""

from __future__ import annotations

from decimal import Decimal

from stanchion.models._model import Model, ModelResponse
from stanchion.values import Money

__all__ = ["FREE_PROVIDERS", "price"]

FREE_PROVIDERS = {"llama.cpp", "scripted"}


def price(model: Model, response: ModelResponse) -> Money | None:
    """Return the cost of one response in US dollars, None if nobody knows the price."""
    if response.provider in FREE_PROVIDERS or not model.real:
        return Money(Decimal(0))
    from genai_prices import Usage, calc_price  # noqa: PLC0415 (slow to import, seldom needed)

    usage = Usage(
        input_tokens=response.usage.input_tokens,
        output_tokens=response.usage.output_tokens,
        cache_read_tokens=response.usage.cache_read_tokens or None,
        cache_write_tokens=response.usage.cache_write_tokens or None,
    )
    try:
        priced = calc_price(usage, model_ref=response.model, provider_id=response.provider or None)
    except LookupError:
        return None
    return Money(Decimal(priced.total_price))
