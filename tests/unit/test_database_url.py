"""Addresses of databases in the forms that their hosts hand out."""

import pytest

from clone_studio import PROJECT_ROOT
from clone_studio.database_url import database_url
from clone_studio.db import Database

SECRET = "p@ss/w:rd"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("postgres://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("postgresql://u:p@h:6543/d", "postgresql+psycopg://u:p@h:6543/d"),
        ("  postgresql+psycopg2://u:p@h/d\n", "postgresql+psycopg://u:p@h/d"),
        ("postgresql+asyncpg://u:p@h/d?ssl=true", "postgresql+psycopg://u:p@h/d?sslmode=require"),
        ("postgres://u:p@h/d?ssl=verify-full", "postgresql+psycopg://u:p@h/d?sslmode=verify-full"),
        ("postgres://u@h/d?ssl=false", "postgresql+psycopg://u@h/d?sslmode=disable"),
        (
            "jdbc:postgresql://h:5432/d?user=u&password=p&sslmode=require",
            "postgresql+psycopg://u:p@h:5432/d?sslmode=require",
        ),
        (
            "postgres://u:p@h/d?sslmode=require&channel_binding=require",
            "postgresql+psycopg://u:p@h/d?channel_binding=require&sslmode=require",
        ),
        ("postgres://u:p@h/d?schema=public&pgbouncer=true", "postgresql+psycopg://u:p@h/d"),
        ("postgres://u:p@[::1]:5433/d", "postgresql+psycopg://u:p@[::1]:5433/d"),
        ("postgresql:///d?host=/run/pg", "postgresql+psycopg:///d?host=%2Frun%2Fpg"),
        (
            "postgresql://postgres:@/d?host=/run/pg",
            "postgresql+psycopg://postgres@/d?host=%2Frun%2Fpg",
        ),
        (
            "postgres://u:p@a:1,b/d",
            "postgresql+psycopg://u:p@/d?host=a%2Cb&port=1%2C5432",
        ),
        ("sqlite:////var/studio.db", "sqlite:////var/studio.db"),
        ("sqlite:///studio.db", f"sqlite:///{PROJECT_ROOT / 'studio.db'}"),
    ],
)
def test_common_forms_are_understood(address: str, expected: str) -> None:
    assert database_url(address).render_as_string(hide_password=False) == expected


@pytest.mark.parametrize("password", ["p%40ss%2Fw%3Ard", SECRET])
def test_a_password_may_be_encoded_or_pasted_as_it_is(password: str) -> None:
    url = database_url(f"postgres://me:{password}@h/d")
    assert (url.username, url.password, url.host, url.database) == ("me", SECRET, "h", "d")


def test_a_socket_may_stand_where_the_host_does() -> None:
    assert database_url("postgres://u@%2Frun%2Fpg/d").host == "/run/pg"


@pytest.mark.parametrize(
    "address",
    [
        "mysql://me:hidden@h/d",
        "me:hidden@h/d",
        "postgres:hidden",
        "postgres://me:hidden@h",
        "postgres://me:hidden@h:port/d",
        "postgres://me:hidden@h:70000/d",
        "postgres://me:hidden@h/d?sslmode=maybe",
        "postgres://me:hidden@h/d?ssl=perhaps",
        "postgres://me:hidden@h/d?hiddn=1",
        "postgres://me:hidden@h/d?schema=mine",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
def test_another_form_is_refused_in_a_sentence_without_the_password(address: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+ \w+") as refused:
        Database(address)
    assert "hidden" not in str(refused.value)
    assert "@h" not in str(refused.value)
