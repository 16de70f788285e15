"""Addresses of the studio: what kind of page, which clone, and what may be remembered."""

import pytest

from clone_studio.state.places import Place, is_page, path_for, place_of

UUID = "0b54b2a0-1111-4222-8333-444455556666"


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/", Place()),
        ("/clones", Place("clones")),
        ("/clones/", Place("clones")),
        ("/clones/new", Place("clones")),
        ("/clones/ada", Place("clones", "ada")),
        ("/chat/ada", Place("chat", "ada")),
        (f"/chat/{UUID}/some-thread", Place("chat", UUID)),
        ("/files/ada?state=failed", Place("files", "ada")),
        ("/files/Not%20A%20Slug", Place("files")),
        ("/settings", Place("settings")),
        ("/login", Place()),
        ("/api/personas", Place()),
    ],
)
def test_an_address_names_a_kind_and_a_clone(path: str, place: Place) -> None:
    assert place_of(path) == place


@pytest.mark.parametrize(
    ("kind", "path"),
    [("chat", "/chat/ada"), ("files", "/files/ada"), ("clones", "/chat/ada"), ("", "/chat/ada")],
)
def test_choosing_a_clone_keeps_the_kind_of_page(kind: str, path: str) -> None:
    assert path_for(kind, "ada") == path


@pytest.mark.parametrize("path", ["/clones", "/chat/ada", f"/chat/ada/{UUID}", "/settings"])
def test_pages_are_remembered(path: str) -> None:
    assert is_page(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/login",
        "/api/auth/sign-out",
        "//evil.example/clones",
        "/\\evil.example",
        "https://evil.example/clones",
        "javascript:alert(1)",
        "/clones/" + "a" * 300,
    ],
)
def test_what_the_browser_claims_to_be_a_page_is_checked(path: str) -> None:
    assert not is_page(path)
