"""What a Redis that is away, silent, slow or strict costs, and that it is found again."""

import asyncio
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from clone_studio import PROJECT_ROOT
from clone_studio.errors import ProviderDown, ProviderError, ProviderRefused, ProviderTimeout
from clone_studio.providers.cache.redis import RedisCache
from clone_studio.providers.events.redis import RedisEventBus
from clone_studio.services.events import GAP
from tests.servers.http_thread import serving
from tests.servers.redis_server import (
    PASSWORD,
    RedisProcess,
    SlowRoad,
    free_port,
    server_at,
    silent_place,
)
from tests.waiting import wait_until

CALLERS = 100
# One wait of 50 ms, and what a busy machine adds to starting so many threads. A hundred waits
# one after the other would take five seconds.
BOUND_SECONDS = 2.0
Make = Callable[..., RedisCache]


@pytest.fixture
def caches() -> Iterator[Make]:
    made: list[RedisCache] = []

    def make(url: str, secret: bytes = b"one", **given: float) -> RedisCache:
        made.append(RedisCache(server_at(url, secret), **given))
        return made[-1]

    yield make
    for cache in made:
        cache.close()


def address(place: str) -> str:
    return f"redis://:{PASSWORD}@{place}/0"


def seconds_of(work: Callable[[], object], times: int = CALLERS) -> float:
    """Return how long `times` calls take, one after the other."""
    began = time.monotonic()
    for _ in range(times):
        work()
    return time.monotonic() - began


def seconds_together(work: Callable[[], object]) -> float:
    """Return how long `CALLERS` calls take that begin at the same moment."""
    ready = threading.Barrier(CALLERS + 1)

    def call() -> None:
        ready.wait()
        work()

    with ThreadPoolExecutor(CALLERS) as threads:
        calls = [threads.submit(call) for _ in range(CALLERS)]
        ready.wait()
        began = time.monotonic()
        for one in calls:
            one.result()
        return time.monotonic() - began


def warmed(cache: RedisCache) -> RedisCache:
    cache.set("query:a", b"value", 3600)
    wait_until(lambda: cache.get("query:a") == b"value")
    return cache


def test_a_redis_that_stands_still_costs_one_wait_and_is_found_again(
    redis_process: RedisProcess, caches: Make
) -> None:
    cache = warmed(caches(redis_process.url))
    redis_process.pause()
    assert seconds_together(lambda: cache.get("query:a")) < BOUND_SECONDS
    # From now on nobody waits at all: not for reading, counting, writing or forgetting.
    for work in (
        lambda: cache.get("query:a"),
        lambda: cache.increment("attempts:a", 60),
        lambda: cache.set("query:b", b"late", 60),
        lambda: cache.delete("query:b"),
    ):
        assert work() is None
        assert seconds_of(work) < 0.5
    redis_process.go_on()
    assert wait_until(lambda: cache.get("query:a")) == b"value"


def test_a_redis_that_was_killed_costs_no_wait_and_is_found_again(
    redis_process: RedisProcess, caches: Make
) -> None:
    cache = warmed(caches(redis_process.url))
    redis_process.kill()
    assert seconds_of(lambda: cache.get("query:a")) < BOUND_SECONDS
    redis_process.start()
    cache_is_back = wait_until(lambda: cache.increment("attempts:a", 60))
    assert cache_is_back.value == 1
    assert cache.get("query:a") is None


def test_a_place_where_nothing_answers_costs_one_wait(caches: Make) -> None:
    with silent_place() as place:
        cache = caches(address(place))
        assert seconds_of(lambda: cache.get("query:a")) < BOUND_SECONDS
        with pytest.raises(ProviderDown, match="does not answer; the studio works from memory"):
            cache.check()


def test_a_slow_redis_is_left_alone_until_it_is_quick(
    redis_process: RedisProcess, caches: Make
) -> None:
    road = SlowRoad(redis_process.place, 0.1)
    with road.open() as place:
        cache = caches(address(place))
        assert seconds_of(lambda: cache.get("query:a")) < BOUND_SECONDS
        with pytest.raises(ProviderTimeout, match="too slow"):
            cache.check()
        cache.close()


def test_a_connection_that_redis_has_closed_is_made_anew(
    redis_process: RedisProcess, caches: Make
) -> None:
    cache = caches(redis_process.url, patience=10)
    cache.set("query:a", b"value", 3600)
    assert cache.get("query:a") == b"value"
    with redis_process.client() as client:
        # All but this one, as Redis does with connections that were quiet for long.
        client.client_kill_filter(_type="normal", skipme=True)
    assert wait_until(lambda: cache.get("query:a")) == b"value"


def test_a_redis_that_takes_no_writes_is_told_and_disturbs_nobody(
    redis_process: RedisProcess, caches: Make
) -> None:
    cache = caches(redis_process.url, patience=10)
    with redis_process.client() as client:
        client.config_set("maxmemory", 1)
    cache.set("query:a", b"value", 60)
    assert cache.get("query:a") is None
    assert cache.increment("attempts:a", 60) is None
    with pytest.raises(ProviderRefused, match="does not let the studio write"):
        cache.check()
    redis_process.clear()
    assert redis_process.place in cache.check()


def test_a_wrong_password_is_told_and_no_password_is_shown(
    redis_process: RedisProcess, caches: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = "not-the-password"
    for url in (
        f"redis://:{wrong}@{redis_process.place}/0",
        f"redis://somebody:{wrong}@{redis_process.place}/0",
        f"redis://{redis_process.place}/0",
    ):
        cache = caches(url)
        with pytest.raises(ProviderRefused, match="does not accept the user and the pass") as told:
            cache.check()
        assert cache.get("query:a") is None
        assert wrong not in told.value.detail
    gone = caches(address(f"127.0.0.1:{free_port()}"))
    assert gone.get("query:a") is None
    with pytest.raises(ProviderDown) as down:
        gone.check()
    wait_until(lambda: "goes on without it" in caplog.text)
    for text in (down.value.detail, repr(down.value), caplog.text):
        assert wrong not in text
        assert PASSWORD not in text


def test_what_is_no_redis_is_a_miss(caches: Make) -> None:
    with serving(lambda request: request.send_error(404)) as web:
        cache = caches(address(web.removeprefix("http://")))
        assert cache.get("query:a") is None
        with pytest.raises(ProviderError):
            cache.check()


def test_what_the_address_asks_for_does_not_undo_the_bounds(
    redis_process: RedisProcess, caches: Make
) -> None:
    options = "decode_responses=true&socket_timeout=60&retry_on_timeout=true&protocol=3"
    cache = caches(f"{redis_process.url}?{options}", patience=10)
    cache.set("query:a", b"\xff", 60)
    assert cache.get("query:a") == b"\xff"
    redis_process.pause()
    began = time.monotonic()
    with pytest.raises(ProviderDown):
        cache.check()
    assert time.monotonic() - began < 20


def test_redis_learns_neither_questions_nor_addresses_and_keeps_nothing_for_ever(
    redis_process: RedisProcess, caches: Make
) -> None:
    mine = caches(redis_process.url, b"one", patience=10)
    strange = caches(redis_process.url, b"two", patience=10)
    mine.set("query:where is the treasure", b"value", 60)
    mine.increment("attempts:203.0.113.9\nada@example.org", 60)
    mine.check()
    assert strange.get("query:where is the treasure") is None
    assert mine.get("query:where is the treasure") == b"value"
    with redis_process.client() as client:
        keys = client.keys("*")
        assert len(keys) == 3
        assert all(client.pttl(key) > 0 for key in keys)
    for word in (b"treasure", b"203.0.113.9", b"ada"):
        assert not any(word in key for key in keys)


async def test_a_user_with_the_rights_of_the_manual_is_enough(
    redis_process: RedisProcess, caches: Make
) -> None:
    manual = (PROJECT_ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    rights = re.search(r"needs the commands (.+) on `studio:\*`", manual)
    assert rights is not None
    commands = [f"+{name.lower()}" for name in re.findall(r"`([A-Z]+)`", rights[1])]
    with redis_process.client() as client:
        client.execute_command(
            *(
                "ACL",
                "SETUSER",
                "limited",
                "on",
                ">limited",
                "~studio:*",
                "resetchannels",
                "&studio:*",
                *commands,
            )
        )
    url = f"redis://limited:limited@{redis_process.place}/1"
    cache, here, there = (
        caches(url, patience=10),
        RedisEventBus(server_at(url)),
        RedisEventBus(server_at(url)),
    )
    assert redis_process.place in cache.check()
    cache.set("query:a", b"value", 60)
    assert cache.get("query:a") == b"value"
    assert cache.increment("attempts:a", 60)
    cache.delete("query:a")
    assert cache.get("query:a") is None
    async with asyncio.timeout(20), there.subscribe(GAP, "a:") as subscription:
        events = aiter(subscription)
        assert await anext(events) == (GAP, {"type": "gap"})
        here.publish("a:1", {"type": "x"})
        assert await anext(events) == ("a:1", {"type": "x"})
    for bus in (here, there):
        await asyncio.to_thread(bus.close)


def test_a_cache_ends_promptly_and_is_then_a_miss(
    redis_process: RedisProcess, caches: Make
) -> None:
    cache = warmed(caches(redis_process.url))
    cache.set("query:last", b"words", 60)
    cache.close()
    assert cache.get("query:a") is None
    other = caches(redis_process.url, patience=10)
    assert other.get("query:last") == b"words"
    redis_process.pause()
    other.set("query:a", b"more", 60)
    began = time.monotonic()
    other.close()
    assert time.monotonic() - began < 10
