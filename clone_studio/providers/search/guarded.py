"""Calls to a service that may be down: never for longer than asked, and not again at once.

Clients of services retry by themselves, so that one call to a dead service takes several times
its time-out. A call is therefore given up by who waits for it, while the client's own end of it
runs out in a thread. After some failures in a row nothing is sent for a while; then one call is
let through to find out, and its success lets all others through again (a circuit breaker).
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

from clone_studio.errors import ProviderDown, ProviderTimeout

T = TypeVar("T")

FAILURES = 2
PAUSE_SECONDS = 10.0
AT_ONCE = 16


class Guard:
    """Guards the calls to one service. Safe to share between threads.

    Args:
        name: Of the service, for sentences.
        failures: So many failures in a row open the circuit.
        pause: Seconds until one call is let through again.
        at_once: Calls that may run at once; those that were given up count until they end.
        clock: Seconds, for tests.
    """

    def __init__(
        self,
        name: str,
        *,
        failures: int = FAILURES,
        pause: float = PAUSE_SECONDS,
        at_once: int = AT_ONCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._most = failures
        self._pause = pause
        self._clock = clock
        self._slots = threading.BoundedSemaphore(at_once)
        self._lock = threading.Lock()
        self._failed = 0
        self._closed_until = 0.0
        self._probing = False

    def call(self, work: Callable[[], T], seconds: float | None = None) -> T:
        """Return what `work` returns.

        Args:
            work: Makes the call and raises only errors of the studio's tree.
            seconds: How long to wait for it; None lets it run to its end in this thread.

        Raises:
            ProviderDown: Nothing is sent, because the service did not answer a moment ago.
            ProviderTimeout: There was no answer in time.
        """
        with self._watched():
            return work() if seconds is None else self._within(work, seconds)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        self._enter()
        outage, answered = False, False
        try:
            yield
            answered = True
        except (ProviderDown, ProviderTimeout):
            outage = True
            raise
        except Exception:
            # Refusing is an answer: the service is there.
            answered = True
            raise
        finally:
            self._leave(outage=outage, answered=answered)

    def _enter(self) -> None:
        with self._lock:
            if self._failed < self._most:
                return
            if self._probing or self._clock() < self._closed_until:
                raise ProviderDown(
                    f"{self._name} did not answer a moment ago. It is asked again in a few seconds."
                )
            self._probing = True

    def _leave(self, *, outage: bool, answered: bool) -> None:
        with self._lock:
            self._probing = False
            if answered:
                self._failed = 0
            elif outage:
                self._failed += 1
                self._closed_until = self._clock() + self._pause

    def _within(self, work: Callable[[], T], seconds: float) -> T:
        if not self._slots.acquire(blocking=False):
            raise ProviderDown(f"{self._name} keeps too many calls waiting. Try again in a moment.")
        ended: Future[T] = Future()

        def run() -> None:
            try:
                ended.set_result(work())
            except BaseException as error:  # noqa: BLE001
                # Carried over to the thread that waits, which raises it.
                ended.set_exception(error)
            finally:
                self._slots.release()

        # Daemons: a call that was given up must not keep the process from ending.
        threading.Thread(target=run, name=f"ask-{self._name}", daemon=True).start()
        try:
            return ended.result(seconds)
        except TimeoutError:
            raise ProviderTimeout(
                f"{self._name} did not answer within {seconds:.2g} seconds."
            ) from None
