"""What calls cost: listed, priced by the operator, free, or unknown, which is never zero."""

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from stanchion.models import ModelRequest, ModelResponse, Price, ScriptedModel, price
from stanchion.values import Message, Money, TextPart, Usage

HELLO = Message("assistant", (TextPart("hello"),))


class Real:
    """A model that counts as real and is never called."""

    name = "openai:gpt-4o"
    real = True

    async def complete(self, request: ModelRequest) -> ModelResponse:
        raise NotImplementedError


def answered(provider: str, model: str, usage: Usage) -> ModelResponse:
    return ModelResponse(HELLO, usage=usage, provider=provider, model=model)


def test_a_listed_model_costs_what_its_provider_asks() -> None:
    cost = price(Real(), answered("openai", "gpt-4o-2024-08-06", Usage(1_000_000, 0)))

    assert cost == Money(Decimal("2.5"))


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4o"),
        ("anthropic", "claude-sonnet-4-5"),
        ("api.together.xyz", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
    ],
)
def test_providers_are_known_by_name_or_by_address(provider: str, model: str) -> None:
    cost = price(Real(), answered(provider, model, Usage(1000, 100)))

    assert cost is not None
    assert cost.amount > 0


def test_cached_tokens_cost_less_and_are_counted_once() -> None:
    fresh = price(Real(), answered("openai", "gpt-4o", Usage(1000, 0)))
    cached = price(Real(), answered("openai", "gpt-4o", Usage(1000, 0, cache_read_tokens=1000)))

    assert fresh is not None
    assert cached is not None
    assert cached.amount == fresh.amount / 2


def test_reasoning_is_part_of_the_output() -> None:
    plain = price(Real(), answered("openai", "o3", Usage(10, 100)))
    thought = price(Real(), answered("openai", "o3", Usage(10, 100, reasoning_tokens=90)))

    assert plain == thought


@pytest.mark.parametrize(
    "response",
    [
        answered("openai", "gpt-not-yet-listed", Usage(1000, 100)),
        answered("127.0.0.1:8000", "gpt-4o", Usage(1000, 100)),
        answered("some-gateway", "gpt-4o", Usage(1000, 100)),
        answered("", "gpt-4o", Usage(1000, 100)),
        answered("openai", "", Usage(1000, 100)),
        answered("openai", "gpt-4o", Usage(10, 0, cache_read_tokens=99)),
    ],
)
def test_what_nobody_can_price_is_unpriced_and_not_free(response: ModelResponse) -> None:
    assert price(Real(), response) is None


def test_what_runs_here_or_is_scripted_is_free() -> None:
    usage = Usage(1000, 100)

    assert price(Real(), answered("llama.cpp", "SmolLM2", usage)) == Money(Decimal(0))
    assert price(ScriptedModel([]), answered("openai", "gpt-4o", usage)) == Money(Decimal(0))


@pytest.mark.parametrize("key", ["openai:gpt-4o", "house-model"])
def test_the_operators_own_price_comes_first(key: str) -> None:
    own = {key: Price(Decimal(2), Decimal(10), cache_read=Decimal(1), currency="EUR")}
    usage = Usage(1_000_000, 100_000, cache_read_tokens=500_000)

    cost = price(Real(), answered("llama.cpp", "house-model", usage), own=own)

    assert cost == Money(Decimal("2.5"), "EUR")


def test_a_price_without_cache_rates_takes_all_input_alike() -> None:
    usage = Usage(1_000_000, 0, cache_read_tokens=400_000, cache_write_tokens=100_000)

    assert Price(Decimal(3), Decimal(9)).of(usage) == Money(Decimal(3))


def test_no_socket_is_opened_for_a_price() -> None:
    program = (
        "import socket\n"
        "def refuse(*_): raise AssertionError('a price needed the network')\n"
        "socket.socket.connect = refuse\n"
        "from tests.models.test_prices import *\n"
        "assert price(Real(), answered('openai', 'gpt-4o', Usage(9, 9)))\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])
