"""Repair, fallback and prices, with scripted models instead of real ones."""

import asyncio

from stanchion.errors import ModelUnavailable
from stanchion.models import Fallback, ModelRequest, ScriptedModel, Validating, price, resolve
from stanchion.values import Message, TextPart

AMOUNT = {"type": "object", "properties": {"pounds": {"type": "integer"}}, "required": ["pounds"]}


async def main() -> None:
    """Ask for an amount."""
    request = ModelRequest((Message("user", (TextPart("Refund 20 pounds."),)),), schema=AMOUNT)
    sloppy = Validating(ScriptedModel(["twenty", {"pounds": 20}], name="sloppy"))
    answer = await sloppy.complete(request)
    print(answer.message.parts[0])
    print(*answer.attempts)

    down = ScriptedModel([ModelUnavailable("overloaded")], name="down")
    chain = Fallback([down, ScriptedModel([{"pounds": 20}], name="spare")])
    answer = await chain.complete(request)
    print(chain.name, "|", *answer.attempts, "|", price(chain, answer))

    print(resolve("openai-compatible:http://localhost:8080/v1#qwen").name)


asyncio.run(main())
# > TextPart(content='{"pounds": 20}', type='text')
# > sloppy: the answer isn't JSON, and nothing but JSON was asked for
# > down > spare | down: overloaded | Money(amount=Decimal('0'), currency='USD')
# > openai-compatible:localhost:8080#qwen
