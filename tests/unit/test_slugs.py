import pytest

from clone_studio.errors import InvalidInput
from clone_studio.services.slugs import checked_slug, free_slug, is_uuid, slug_from

UUID = "0b9f0a3e-1111-4222-8333-444455556666"


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Ada Lovelace", "ada-lovelace"),
        ("  Zoë -- Łukasz & Søn! ", "zoe-lukasz-son"),
        ("Straße 7", "strasse-7"),
        ("ＡＢＣ", "abc"),
        ("New", "clone-new"),
        (UUID.upper(), f"clone-{UUID}"),
        ("李白", "clone"),
        ("...", "clone"),
        ("x" * 300, "x" * 60),
        ("a" * 59 + " bc", "a" * 59),
    ],
)
def test_slugs_are_made_from_names(name: str, slug: str) -> None:
    assert slug_from(name) == slug
    assert checked_slug(slug) == slug


def test_taken_slugs_are_numbered() -> None:
    assert free_slug("Ada", set()) == "ada"
    assert free_slug("Ada", {"ada", "ada-2"}) == "ada-3"


@pytest.mark.parametrize(
    "text", ["", "new", "NEW ", UUID, "a b", "-a", "a--b", "ä", "a/b", "../x", "a" * 61]
)
def test_bad_slugs_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked_slug(text)
    assert refused.value.field == "slug"


def test_uuids_are_recognised() -> None:
    assert is_uuid(UUID)
    assert not is_uuid("ada")
    assert not is_uuid(UUID[:-1])
