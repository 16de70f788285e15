"""What every cache keeps to."""

import threading
from collections.abc import Iterator

import pytest

from clone_studio.providers.cache.memory import MemoryCache
from clone_studio.providers.cache.protocol import KEY_LIMIT, VALUE_LIMIT, Cache
from clone_studio.providers.cache.redis import RedisCache
from tests.servers.redis_server import server_at
from tests.waiting import wait_until


@pytest.fixture(params=["memory", "redis"])
def cache(request: pytest.FixtureRequest) -> Iterator[Cache]:
    if request.param == "memory":
        made: Cache = MemoryCache()
    else:
        process = request.getfixturevalue("redis_process")
        # A busy machine may keep a reply from us for longer than a page would wait.
        made = RedisCache(server_at(process.url), patience=10)
    yield made
    made.close()


def test_what_is_set_is_there_and_what_is_deleted_is_not(cache: Cache) -> None:
    assert cache.get("query:a") is None
    for value in (b"", b"\x00\xff\r\n", "ä".encode(), b"x" * VALUE_LIMIT):
        cache.set("query:a", value, 60)
        assert cache.get("query:a") == value
    cache.set("query:b", b"other", 60)
    cache.delete("query:a")
    cache.delete("query:never")
    assert (cache.get("query:a"), cache.get("query:b")) == (None, b"other")


def test_a_value_goes_when_its_time_is_over(cache: Cache) -> None:
    cache.set("query:short", b"1", 0.05)
    cache.set("query:long", b"1", 3600)
    cache.set("query:again", b"1", 0.05)
    cache.set("query:again", b"2", 3600)
    wait_until(lambda: cache.get("query:short") is None)
    assert (cache.get("query:long"), cache.get("query:again")) == (b"1", b"2")


def test_what_is_too_large_is_not_kept_and_neither_is_what_it_replaces(cache: Cache) -> None:
    cache.set("query:a", b"small", 60)
    cache.set("query:a", b"x" * (VALUE_LIMIT + 1), 60)
    assert cache.get("query:a") is None


def test_parallel_steps_all_count(cache: Cache) -> None:
    counts: list[int] = []

    def count() -> None:
        for _ in range(25):
            counted = cache.increment("attempts:a", 60)
            counts.append(counted.value if counted else 0)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counts) == list(range(1, 101))
    assert cache.get("attempts:a") == b"100"


def test_a_count_begins_anew_after_its_first_steps_time(cache: Cache) -> None:
    first = cache.increment("attempts:long", 100)
    assert first is not None and first.value == 1 and 50 < first.seconds < 101
    # Later steps do not make it longer.
    second = cache.increment("attempts:long", 3600)
    assert second is not None and second.value == 2 and second.seconds < 101
    assert cache.increment("attempts:a", 0.05) is not None
    wait_until(lambda: cache.get("attempts:a") is None)
    again = cache.increment("attempts:a", 60)
    assert again is not None and again.value == 1 and again.seconds > 1
    cache.delete("attempts:a")
    other = cache.increment("attempts:b", 60)
    assert cache.get("attempts:a") is None and other is not None and other.value == 1


def test_what_is_no_count_is_not_counted(cache: Cache) -> None:
    cache.set("attempts:a", b"words", 60)
    assert cache.increment("attempts:a", 60) is None
    assert cache.get("attempts:a") == b"words"


@pytest.mark.parametrize(
    "key", ["", "query", "query:", "Query:a", ":a", "q\n:a", "query:" + "x" * KEY_LIMIT]
)
def test_a_wrong_key_is_a_mistake_and_is_not_repeated(cache: Cache, key: str) -> None:
    for act in (
        lambda: cache.get(key),
        lambda: cache.set(key, b"", 1),
        lambda: cache.delete(key),
        lambda: cache.increment(key, 1),
    ):
        with pytest.raises(ValueError, match="kind:what") as mistake:
            act()
        assert len(str(mistake.value)) < 100


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_no_time_is_a_mistake(cache: Cache, seconds: float) -> None:
    with pytest.raises(ValueError, match="no time"):
        cache.set("query:a", b"", seconds)
    with pytest.raises(ValueError, match="no time"):
        cache.increment("query:a", seconds)


def test_it_says_where_it_keeps_things(cache: Cache) -> None:
    assert ("memory" in cache.check()) is not cache.shared
