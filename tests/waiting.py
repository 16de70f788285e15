"""Waiting for what happens in another thread or process."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

PATIENCE_SECONDS = 20.0


def wait_until(condition: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """Return what `condition` returns as soon as that is true; fail after `seconds`."""
    ends, pause = time.monotonic() + seconds, threading.Event()
    while not (found := condition()):
        assert time.monotonic() < ends, "what was waited for did not happen"
        pause.wait(0.005)
    return found


async def until(condition: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """Wait as `wait_until` does, and let the loop go on."""
    return await asyncio.to_thread(wait_until, condition, seconds)
