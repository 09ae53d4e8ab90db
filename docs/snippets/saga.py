"""A journey of three bookings, of which the last fails: the others are given back."""

import asyncio

from stanchion import CallContext, NotPerformed, Run, ToolFailed, tool, workflow
from stanchion.testing import simulate


class Agency:
    """Books and gives back; has no room at sea."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def book(self, trip: str) -> str:
        """Book, or say that nothing was done."""
        if trip == "cruise":
            raise NotPerformed("there is no room at sea")
        self.log.append(f"booked {trip}")
        return f"booking of the {trip}"


async def give_back(call: CallContext[Agency], result: str) -> None:
    """Give a booking back; ``call.key`` is the compensation's own."""
    call.deps.log.append(f"gave back the {result}")


@tool(write=True, accepts_key=True, compensate=give_back)
async def book(call: CallContext[Agency], trip: str) -> str:
    """Book a part of a journey."""
    return call.deps.book(trip)


@workflow(tools=[book])
async def journey(run: Run[Agency], parts: list[str]) -> str:
    """Book all parts or none."""
    try:
        async with run.saga():
            for part in parts:
                await run.call(book, part)
    except ToolFailed as error:
        return str(error.facts["error"]["problem"])
    return "booked"


agency = Agency()
done = asyncio.run(simulate(journey, ["train", "hotel", "cruise"], deps=agency))
print(done.output)
# > there is no room at sea
print(*agency.log, sep="\n")
# > booked train
# > booked hotel
# > gave back the booking of the hotel
# > gave back the booking of the train
