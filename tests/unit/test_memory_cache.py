"""The bounds of the cache in memory."""

from clone_studio.providers.cache.memory import ENTRY_BYTES, MemoryCache


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_entry_that_was_not_used_for_longest_goes_first() -> None:
    cache = MemoryCache(most_entries=3)
    for name in "abc":
        cache.set(f"query:{name}", b"1", 60)
    assert cache.get("query:a") == b"1"
    cache.set("query:d", b"1", 60)
    kept = [name for name in "abcd" if cache.get(f"query:{name}")]
    assert kept == ["a", "c", "d"]


def test_values_and_keys_together_are_bounded() -> None:
    cache = MemoryCache(most_bytes=10 * (ENTRY_BYTES + 1000))
    for number in range(1000):
        cache.set(f"query:{number}", b"x" * 900, 60)
        cache.set(f"query:{number}", b"y" * 900, 60)
    kept = [number for number in range(1000) if cache.get(f"query:{number}")]
    assert kept == list(range(990, 1000))
    cache.set("query:large", b"x" * 9000, 60)
    assert sum(cache.get(f"query:{number}") is not None for number in range(1000)) <= 2
    assert cache.get("query:large") is not None


def test_times_are_those_of_the_clock() -> None:
    clock = Clock()
    cache = MemoryCache(clock=clock)
    cache.set("query:a", b"1", 10)
    assert cache.increment("attempts:a", 10)
    clock.now = 9.9
    assert cache.get("query:a") == b"1"
    counted = cache.increment("attempts:a", 10)
    assert counted is not None and (counted.value, round(counted.seconds, 3)) == (2, 0.1)
    clock.now = 10
    assert cache.get("query:a") is None
    counted = cache.increment("attempts:a", 10)
    assert counted is not None and (counted.value, counted.seconds) == (1, 10)
