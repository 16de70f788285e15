"""The app with its real pages, handlers and middleware, driven in-process."""

from collections.abc import AsyncIterator

import pytest

from clone_studio.bootstrap import Services
from clone_studio.clone_studio import app
from tests.conftest import OWNER_EMAIL, OWNER_PASSWORD
from tests.state.harness import Harness


@pytest.fixture
async def harness(studio: Services) -> AsyncIterator[Harness]:
    """A server without a network: `harness.tab(…)` is a browser tab."""
    async with Harness(app).running() as running:
        yield running


@pytest.fixture
def cookie(studio: Services) -> str:
    """The session cookie of the owner."""
    studio.auth.ensure_owner()
    return studio.auth.sign_in(OWNER_EMAIL, OWNER_PASSWORD, "test").token
