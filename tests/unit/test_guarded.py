"""Calls to a service that may be down: bounded in time, and spared after failures."""

import threading
from collections.abc import Callable

import pytest

from clone_studio.errors import ProviderDown, ProviderRefused, ProviderTimeout
from clone_studio.providers.search.guarded import Guard


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Service:
    """Counts its calls; raises `error` while it is set."""

    def __init__(self) -> None:
        self.calls = 0
        self.error: Exception | None = None

    def __call__(self) -> str:
        self.calls += 1
        if self.error:
            raise self.error
        return "answer"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guard(clock: Clock) -> Guard:
    return Guard("It", failures=2, pause=10, at_once=2, clock=clock)


def fails(guard: Guard, work: Callable[[], object], times: int, seconds: float | None = 1) -> None:
    for _ in range(times):
        with pytest.raises((ProviderDown, ProviderTimeout)):
            guard.call(work, seconds)


def test_an_answer_comes_through_with_and_without_a_deadline(guard: Guard) -> None:
    service = Service()
    assert guard.call(service) == guard.call(service, 1) == "answer"


def test_after_failures_nothing_is_sent_until_one_call_finds_out(
    guard: Guard, clock: Clock
) -> None:
    service = Service()
    service.error = ProviderDown("away")
    fails(guard, service, 5)
    assert service.calls == 2
    clock.now = 11
    fails(guard, service, 3)
    assert service.calls == 3
    clock.now = 22
    service.error = None
    assert guard.call(service, 1) == guard.call(service, 1) == "answer"
    assert service.calls == 5


def test_only_one_call_at_a_time_finds_out(guard: Guard, clock: Clock) -> None:
    service = Service()
    service.error = ProviderTimeout("slow")
    fails(guard, service, 2)
    clock.now = 11
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        assert go_on.wait(5)
        return "late"

    answers: list[str] = []
    probe = threading.Thread(target=lambda: answers.append(guard.call(slow)))
    probe.start()
    assert begun.wait(5)
    fails(guard, service, 3)
    assert service.calls == 2
    go_on.set()
    probe.join(5)
    assert answers == ["late"]
    service.error = None
    assert guard.call(service) == "answer"


def test_a_refusal_is_an_answer(guard: Guard) -> None:
    service = Service()
    service.error = ProviderRefused("wrong key")
    for _ in range(5):
        with pytest.raises(ProviderRefused):
            guard.call(service, 1)
    assert service.calls == 5


def test_failures_count_only_in_a_row(guard: Guard) -> None:
    service = Service()
    for _ in range(3):
        service.error = ProviderDown("away")
        fails(guard, service, 1)
        service.error = None
        assert guard.call(service) == "answer"


def test_who_waits_gives_up_and_what_hangs_is_bounded(clock: Clock) -> None:
    guard = Guard("It", failures=9, at_once=2, clock=clock)
    go_on, ended = threading.Event(), threading.Semaphore(0)

    def hanging() -> None:
        go_on.wait(10)
        ended.release()

    for _ in range(2):
        with pytest.raises(ProviderTimeout, match=r"within 0\.05 seconds"):
            guard.call(hanging, 0.05)
    service = Service()
    with pytest.raises(ProviderDown, match="too many calls"):
        guard.call(service, 0.05)
    assert service.calls == 0
    go_on.set()
    assert ended.acquire(timeout=5)
    assert ended.acquire(timeout=5)
    until = threading.Event()
    for _ in range(100):
        try:
            assert guard.call(service, 5) == "answer"
            break
        except ProviderDown:
            # The slot is free a moment after the work has ended.
            until.wait(0.01)
    assert service.calls == 1
