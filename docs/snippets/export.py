"""A destination that is down, overloaded and picky is fed all the same."""

import asyncio

from stanchion import Run, Stanchion, workflow
from stanchion.observe import Destination, Exporter, Response
from stanchion.testing import FakeClock, FakeCollector


@workflow
async def greet(run: Run, name: str) -> str:
    return f"hello {name}"


async def main() -> None:
    async with Stanchion("sqlite://:memory:") as app:
        for name in ("ada", "bob", "eve"):
            await (await app.start(greet, name)).result()
        moods = [Response(503, "restarting"), Response(429, retry_after=60.0), Response(413)]
        collector = FakeCollector(moods)
        to = Destination("traces", "http://collector:4318/v1/traces")
        exporter = Exporter(app.store, to, sender=collector, clock=FakeClock(automatic=True))
        feed = await exporter.catch_up()
        print([len(request) for request in collector.requests])
        greeted = {str(span.attributes["input.value"]) for span in collector.taken.values()}
        print(feed.sent, feed.dead, sorted(greeted))


asyncio.run(main())

# > [3, 3, 3, 1, 2]
# > 3 0 ['ada', 'bob', 'eve']
