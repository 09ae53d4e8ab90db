"""Attempts at a model, each held and settled by itself: retries, repairs and fallbacks are billed.

Around every single attempt, below whatever retries it. What an attempt came to is a part of the
step's settlement; if another one follows it is recorded first, since a crash must not lose it.
"""

from __future__ import annotations

from decimal import Decimal

from stanchion.errors import ConfigurationError, ModelError, ModelRefused
from stanchion.ledger import Settlement
from stanchion.models import (
    Model,
    ModelRequest,
    ModelResponse,
    Wrapped,
    at_each_attempt,
    price,
    worst_case,
    worst_price,
)
from stanchion.values import Usage
from stanchion.workflows._budget import NANOS, USD
from stanchion.workflows._ceilings import Spending, reserved
from stanchion.workflows._incarnation import StepScope
from stanchion.workflows._purse import NOTHING, Purse, added

__all__ = ["Meter"]

ONE_CALL = Settlement(model_calls=1)


class Meter:
    """What the attempts of one step come to."""

    def __init__(self, scope: StepScope, purse: Purse) -> None:
        self._scope = scope
        self._purse = purse
        self.bill = NOTHING
        """What isn't recorded yet."""

    def over(self, model: Model) -> Model:
        """Return the model with each of its attempts metered."""
        return at_each_attempt(model, lambda attempted: _Metered(attempted, self))

    async def attempt(self, model: Model, request: ModelRequest) -> ModelResponse:
        """Make one attempt, once there is room for its worst case."""
        if self.bill != NOTHING:
            self._purse.record(self.bill)
            self.bill = NOTHING
            await self._scope.incarnation.append()
        usage = worst_case(request)
        worst = _settlement(usage, self._worst_price(model, usage))
        async with reserved(self._scope, worst) as spending:
            try:
                response = await model.complete(request)
            except ModelError as error:
                self._count(spending, self._failed(model, error, worst))
                raise
            self._count(spending, self._answered(model, response, worst))
        return response

    def _count(self, spending: Spending, actual: Settlement) -> None:
        spending.actual, spending.in_step = actual, True
        self.bill = added(self.bill, actual)

    def _worst_price(self, model: Model, usage: Usage) -> Decimal | None:
        prices = self._scope.incarnation.host.prices
        found = worst_price(model, usage, prices)
        if found is None and self._purse.limits(USD):
            raise ConfigurationError(
                f"the price of {model.name} isn't known, so that a budget in dollars can't hold",
                remedy=f"give it one: Stanchion(prices={{{model.name!r}: "
                'Price(input=Decimal("1.25"), output=Decimal("10"))}), per million tokens; '
                "or [prices] in stanchion.toml",
            )
        return found

    def _answered(self, model: Model, response: ModelResponse, worst: Settlement) -> Settlement:
        cost = price(model, response, own=self._scope.incarnation.host.prices)
        if cost is not None:
            return _settlement(response.usage, cost.amount)
        unknown = _settlement(response.usage, None)
        return added(unknown, Settlement(cost_nanos=worst.cost_nanos))

    def _failed(self, model: Model, error: ModelError, worst: Settlement) -> Settlement:
        usage = error.facts.get("usage")
        if isinstance(usage, Usage):
            return _settlement(usage, self._worst_price(model, usage))
        refused = isinstance(error, ModelRefused) or "status" in error.facts
        if refused or error.facts.get("sent") is False:
            return ONE_CALL
        return worst  # it may have been answered, and billed


class _Metered(Wrapped):
    """A model whose calls are metered."""

    def __init__(self, model: Model, meter: Meter) -> None:
        super().__init__(model)
        self._meter = meter

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """Answer one request, within the budget."""
        return await self._meter.attempt(self.wrapped, request)


def _settlement(usage: Usage, cost: Decimal | None) -> Settlement:
    return Settlement(
        model_calls=1,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_nanos=0 if cost is None else int((cost * NANOS).to_integral_value("ROUND_CEILING")),
        unpriced_calls=int(cost is None),
    )
