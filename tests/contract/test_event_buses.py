"""What every event bus keeps to, within a process and between two."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from clone_studio.providers.events.redis import RedisEventBus
from clone_studio.services.events import GAP, QUEUE_LIMIT, EventBus, MemoryEventBus, Subscription
from tests.servers.redis_server import RedisProcess, SlowRoad, server_at
from tests.waiting import until

Pair = tuple[EventBus, EventBus]


@pytest.fixture
def buses(redis_process: RedisProcess) -> Iterator[Callable[..., RedisEventBus]]:
    """Make buses on one Redis, each as in a process of its own."""
    made: list[RedisEventBus] = []

    def make(secret: bytes = b"one") -> RedisEventBus:
        made.append(RedisEventBus(server_at(redis_process.url, secret)))
        return made[-1]

    yield make
    with ThreadPoolExecutor() as threads:
        list(threads.map(RedisEventBus.close, made))


@pytest.fixture(params=["memory", "redis", "between processes"])
def pair(request: pytest.FixtureRequest) -> Pair:
    """Where to publish and where to listen."""
    if request.param == "memory":
        bus: EventBus = MemoryEventBus()
        return bus, bus
    make = request.getfixturevalue("buses")
    here = make()
    return here, (make() if request.param == "between processes" else here)


class Heard:
    """What a listener has heard, without what tells of gaps."""

    def __init__(self, subscription: Subscription) -> None:
        self._events = aiter(subscription)

    async def next(self) -> tuple[str, dict[str, object]]:
        async with asyncio.timeout(20):
            async for topic, event in self._events:
                if topic != GAP:
                    return topic, event
        raise AssertionError("the subscription ended")


async def connected(subscription: Subscription) -> Heard:
    """Wait until the first listener of a bus, which asked for gaps, is told of the connection."""
    async with asyncio.timeout(20):
        assert await anext(aiter(subscription)) == (GAP, {"type": "gap"})
    return Heard(subscription)


async def listening(bus: EventBus, subscription: Subscription) -> Heard:
    return await connected(subscription) if isinstance(bus, RedisEventBus) else Heard(subscription)


async def test_listeners_hear_their_prefixes_in_order(pair: Pair) -> None:
    here, there = pair
    async with there.subscribe("message:1", "persona:", GAP) as subscription:
        heard = await listening(there, subscription)
        for number in range(50):
            here.publish("message:2", {"type": "token", "text": "not for us"})
            here.publish("message:1", {"type": "token", "text": f"ä{number}\n"})
            here.publish("persona:x", {"type": "file", "number": number, "deep": [{"a": None}]})
        for number in range(50):
            assert await heard.next() == ("message:1", {"type": "token", "text": f"ä{number}\n"})
            deep = {"type": "file", "number": number, "deep": [{"a": None}]}
            assert await heard.next() == ("persona:x", deep)


async def test_each_listener_hears_each_event_once(pair: Pair) -> None:
    here, there = pair
    async with there.subscribe("a:", GAP) as first, there.subscribe("a:1") as second:
        both = await listening(there, first), Heard(second)
        here.publish("a:1", {"type": "x"})
        here.publish("a:1", {"type": "end"})
        for heard in both:
            assert [(await heard.next())[1]["type"] for _ in range(2)] == ["x", "end"]


async def test_who_has_left_hears_nothing_and_disturbs_nobody(pair: Pair) -> None:
    here, there = pair
    async with there.subscribe("a:", GAP) as stays:
        heard = await listening(there, stays)
        async with there.subscribe("a:"):
            pass
        here.publish("a:1", {"type": "x"})
        assert await heard.next() == ("a:1", {"type": "x"})


async def test_threads_publish_and_each_keeps_its_order(pair: Pair) -> None:
    here, there = pair

    def publish(name: str) -> None:
        for number in range(100):
            here.publish(f"a:{name}", {"type": "x", "number": number})

    async with there.subscribe("a:", GAP) as subscription:
        heard = await listening(there, subscription)
        threads = [threading.Thread(target=publish, args=(name,)) for name in "bcd"]
        for thread in threads:
            thread.start()
        numbers: dict[str, list[object]] = {}
        for _ in range(300):
            topic, event = await heard.next()
            numbers.setdefault(topic, []).append(event["number"])
        assert numbers == {f"a:{name}": list(range(100)) for name in "bcd"}
        for thread in threads:
            thread.join()


async def test_a_listener_that_does_not_keep_up_loses_the_oldest(pair: Pair) -> None:
    here, there = pair
    async with there.subscribe("a:", GAP) as slow, there.subscribe("b:") as other:
        heard, quick = await listening(there, slow), Heard(other)
        for number in range(QUEUE_LIMIT + 10):
            here.publish("a:1", {"type": "x", "number": number})
            if number % 1000 == 0 or number == QUEUE_LIMIT + 9:
                # In order, so the slow one has been given everything when this one hears.
                here.publish("b:1", {"type": "x"})
                await quick.next()
        first = (await heard.next())[1]["number"]
        assert isinstance(first, int) and first >= 10


async def test_who_listens_here_hears_at_once_also_without_redis(
    buses: Callable[..., RedisEventBus], redis_process: RedisProcess
) -> None:
    redis_process.kill()
    bus = buses()
    async with bus.subscribe("a:") as subscription:
        bus.publish("a:1", {"type": "x"})
        assert await Heard(subscription).next() == ("a:1", {"type": "x"})


async def test_studios_on_one_redis_do_not_hear_each_other(
    buses: Callable[..., RedisEventBus],
) -> None:
    here, mine, strange = buses(b"one"), buses(b"one"), buses(b"two")
    async with mine.subscribe("a:", GAP) as one, strange.subscribe("a:", GAP) as two:
        heard, overheard = await connected(one), await connected(two)
        here.publish("a:1", {"type": "x"})
        assert await heard.next() == ("a:1", {"type": "x"})
        strange.publish("a:1", {"type": "own"})
        assert await overheard.next() == ("a:1", {"type": "own"})


async def heard_again(publisher: EventBus, subscription: Subscription, kind: str) -> list[str]:
    """Publish until it is heard again; returns the kinds of all events up to then."""
    kinds: list[str] = []
    events = aiter(subscription)
    async with asyncio.timeout(30):
        while kind not in kinds:
            publisher.publish("a:1", {"type": kind})
            try:
                async with asyncio.timeout(0.05):
                    kinds.append((await anext(events))[1]["type"])
            except TimeoutError:
                events = aiter(subscription)
    return kinds


async def test_a_redis_that_was_killed_is_found_again_and_the_gap_is_told(
    buses: Callable[..., RedisEventBus], redis_process: RedisProcess
) -> None:
    here, there = buses(), buses()
    async with there.subscribe("a:", GAP) as subscription:
        heard = await connected(subscription)
        here.publish("a:1", {"type": "before"})
        assert (await heard.next())[1]["type"] == "before"
        redis_process.kill()
        for _ in range(100):
            here.publish("a:1", {"type": "meanwhile"})
        redis_process.start()
        kinds = await heard_again(here, subscription, "after")
        assert "gap" in kinds[: kinds.index("after")]


async def test_a_redis_that_is_far_away_carries_news_also_after_a_break(
    buses: Callable[..., RedisEventBus], redis_process: RedisProcess
) -> None:
    there = buses()
    road = SlowRoad(redis_process.place, 0.05)
    with road.open() as place:
        here = RedisEventBus(
            server_at(redis_process.url.replace(redis_process.place, place), b"one")
        )
        async with there.subscribe("a:", GAP) as subscription:
            await connected(subscription)
            redis_process.pause()
            here.publish("a:1", {"type": "meanwhile"})
            await until(lambda: here.dropped)
            redis_process.go_on()
            kinds = await heard_again(here, subscription, "after")
            assert "gap" in kinds[: kinds.index("after")]
        await asyncio.to_thread(here.close)


async def test_what_waits_is_bounded_and_a_gap_stands_where_the_oldest_are_dropped(
    buses: Callable[..., RedisEventBus], redis_process: RedisProcess
) -> None:
    here, there = buses(), buses()
    async with there.subscribe("a:", GAP) as subscription:
        await connected(subscription)
        here.publish("a:1", {"type": "first"})
        redis_process.pause()
        for number in range(10_000):
            here.publish("a:1", {"type": "meanwhile", "number": number})
        assert 0 < 10_000 - here.dropped < QUEUE_LIMIT
        redis_process.go_on()
        expected, gap, gaps = 0, False, 0
        async with asyncio.timeout(20):
            async for _, event in subscription:
                if event["type"] == "gap":
                    gap, gaps = True, gaps + 1
                elif event["type"] == "meanwhile":
                    assert gap or event["number"] == expected
                    expected, gap = event["number"] + 1, False
                    if expected == 10_000:
                        break
        assert gaps >= 1


async def heard_up_to(kind: str, subscription: Subscription) -> list[str]:
    """Return the kinds of all events up to the first of this one."""
    kinds: list[str] = []
    async with asyncio.timeout(20):
        async for _, event in subscription:
            kinds.append(event["type"])
            if kinds[-1] == kind:
                break
    return kinds


async def test_what_was_published_before_the_end_is_still_sent(
    buses: Callable[..., RedisEventBus],
) -> None:
    here, there = buses(), buses()
    async with there.subscribe("a:", GAP) as subscription:
        heard = await connected(subscription)
        for number in range(300):
            here.publish("a:1", {"type": "x", "number": number})
        await asyncio.to_thread(here.close)
        assert [(await heard.next())[1]["number"] for _ in range(300)] == list(range(300))
        # Nothing runs any more, and publishing is no error.
        here.publish("a:1", {"type": "late"})


@pytest.fixture
async def overheard(
    buses: Callable[..., RedisEventBus], redis_process: RedisProcess
) -> AsyncIterator[tuple[RedisEventBus, bytes]]:
    """A bus that is connected, and the channel that it listens to."""
    bus = buses()
    async with bus.subscribe(GAP) as subscription:
        await connected(subscription)
        with redis_process.client() as client:
            channel = await until(client.pubsub_channels)
        yield bus, channel[0]


async def test_what_no_studio_has_sent_is_left_out(
    overheard: tuple[RedisEventBus, bytes], redis_process: RedisProcess
) -> None:
    bus, channel = overheard
    wrong = [
        b"",
        b"\xff",
        b"[" * 100_000,
        b"{}",
        b'["other", "a:1"]',
        b'["other", 5, {"type": "x"}]',
        b'["other", "a:1", {"kind": "x"}]',
        b'["other", "a:1", {"type": "x", "text": "' + b"x" * 300_000 + b'"}]',
    ]
    async with bus.subscribe("a:") as subscription:
        heard = Heard(subscription)
        with redis_process.client() as client:
            for parcel in (*wrong, b'["other", "a:1", {"type": "right"}]'):
                client.publish(channel, parcel)
        assert await heard.next() == ("a:1", {"type": "right"})


async def test_an_event_too_large_to_travel_is_told_as_a_gap(
    buses: Callable[..., RedisEventBus],
) -> None:
    here, there = buses(), buses()
    async with there.subscribe("a:", GAP) as subscription:
        await connected(subscription)
        here.publish("a:1", {"type": "x", "text": "x" * 300_000})
        here.publish("a:1", {"type": "last"})
        assert await heard_up_to("last", subscription) == ["gap", "last"]
