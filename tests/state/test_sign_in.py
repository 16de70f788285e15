"""The sign-in page: reasons in words, for somebody who is not signed in."""

import pytest

from clone_studio.state.sign_in import SignInState
from tests.state.harness import Harness


@pytest.mark.parametrize(
    ("code", "words", "is_fault"),
    [
        ("wrong", "not right", True),
        ("limited", "too many", True),
        ("link", "./studio link", True),
        ("out", "signed out", False),
    ],
)
async def test_a_reason_becomes_a_sentence(
    harness: Harness, code: str, words: str, is_fault: bool
) -> None:
    tab = harness.tab("a tab", path=f"/login?reason={code}")
    await tab.open()
    assert words in tab.value(SignInState, "reason")
    assert tab.value(SignInState, "is_fault") is is_fault


async def test_an_unknown_code_says_nothing(harness: Harness) -> None:
    tab = harness.tab("a tab", path="/login?reason=<script>alert(1)</script>")
    await tab.open()
    assert tab.value(SignInState, "reason") == ""


async def test_who_is_signed_in_goes_on(harness: Harness, cookie: str) -> None:
    tab = harness.tab("a tab", cookie=cookie, path="/login")
    await tab.open()
    assert tab.redirects == ["/"]
