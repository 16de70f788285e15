import pytest

from clone_studio.errors import TooManyRequests
from clone_studio.services.attempts import KEYS_LIMIT, AttemptLimiter


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
