from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from clone_studio.errors import TooManyRequests
from clone_studio.providers.cache.memory import MemoryCache
from clone_studio.providers.cache.protocol import Cache
from clone_studio.providers.cache.redis import RedisCache
from clone_studio.services.attempts import KEYS_LIMIT, AttemptLimiter
from tests.servers.redis_server import RedisProcess, server_at
from tests.waiting import wait_until


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_window_slides() -> None:
    clock = Clock()
    limiter = AttemptLimiter(2, 60, clock)
    limiter.take("a")
    clock.now += 40
    limiter.take("a")
    with pytest.raises(TooManyRequests) as refused:
        limiter.take("a")
    assert refused.value.retry_after == 20
    assert "20 seconds" in refused.value.detail
    clock.now += 20
    limiter.take("a")
    with pytest.raises(TooManyRequests):
        limiter.take("a")


def test_keys_do_not_disturb_each_other_and_can_be_forgiven() -> None:
    limiter = AttemptLimiter(1, 3600, Clock())
    limiter.take("a")
    limiter.take("b")
    with pytest.raises(TooManyRequests, match="60 minutes"):
        limiter.take("a")
    limiter.forget("a")
    limiter.forget("never seen")
    limiter.take("a")


def test_memory_is_bounded() -> None:
    limiter = AttemptLimiter(1, 60, Clock())
    for number in range(KEYS_LIMIT + 1):
        limiter.take(str(number))
    limiter.take("0")
    with pytest.raises(TooManyRequests):
        limiter.take(str(KEYS_LIMIT))


@pytest.fixture
def caches(redis_process: RedisProcess) -> Iterator[tuple[RedisCache, RedisCache]]:
    """The caches of two processes. A busy machine may delay Redis: they have patience."""
    made = [RedisCache(server_at(redis_process.url), patience=10) for _ in range(2)]
    yield made[0], made[1]
    for cache in made:
        cache.close()


def limiters(*caches: Cache, limit: int = 3, window: float = 900) -> list[AttemptLimiter]:
    return [AttemptLimiter(limit, window, cache=cache, name="account") for cache in caches]


def test_all_processes_together_are_held_to_the_limit(
    caches: tuple[RedisCache, RedisCache],
) -> None:
    here, there = limiters(*caches)
    here.take("a")
    there.take("a")
    here.take("a")
    for limiter in (here, there):
        with pytest.raises(TooManyRequests, match="15 minutes") as refused:
            limiter.take("a")
        assert 0 < refused.value.retry_after <= 900
    here.take("b")
    other = AttemptLimiter(3, 900, cache=caches[0], name="client")
    other.take("a")
    here.forget("a")
    # The one who forgave is heard by all; what was counted elsewhere is not in the way.
    wait_until(lambda: caches[1].get("attempts:account\na") is None)
    there.take("a")


def test_attempts_refused_elsewhere_do_not_use_up_those_here(
    caches: tuple[RedisCache, RedisCache],
) -> None:
    here, there = limiters(*caches)
    for _ in range(3):
        there.take("a")
    for _ in range(5):
        with pytest.raises(TooManyRequests):
            here.take("a")
    caches[0].delete("attempts:account\na")
    for _ in range(3):
        here.take("a")


def test_the_shared_window_ends(caches: tuple[RedisCache, RedisCache]) -> None:
    here, there = limiters(*caches, limit=1, window=0.3)
    here.take("a")
    wait_until(lambda: caches[1].get("attempts:account\na") is None)
    there.take("a")


def test_parallel_guesses_in_two_processes_all_count(
    caches: tuple[RedisCache, RedisCache],
) -> None:
    both = limiters(*caches, limit=20)

    def guess(number: int) -> bool:
        try:
            both[number % 2].take("a")
        except TooManyRequests:
            return False
        return True

    with ThreadPoolExecutor(10) as threads:
        assert sum(threads.map(guess, range(60))) == 20


def test_without_redis_each_process_still_holds_its_limit(redis_process: RedisProcess) -> None:
    redis_process.pause()
    cache = RedisCache(server_at(redis_process.url))
    for one in (cache, MemoryCache()):
        (limiter,) = limiters(one)
        for _ in range(3):
            limiter.take("a")
        with pytest.raises(TooManyRequests):
            limiter.take("a")
        limiter.forget("a")
        limiter.take("a")
    redis_process.go_on()
    cache.close()
