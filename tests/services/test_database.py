"""What every service may rely on, whichever engine is below."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import select

from clone_studio.db import Database, utc_now
from clone_studio.errors import Collision, StudioError
from clone_studio.models import DocumentPage, User
from tests.knowledge.shelves import ADA, Shelves, add_people
from tests.postgres import PostgresServer


def emails(database: Database) -> set[str]:
    with database.read() as session:
        return set(session.exec(select(User.email)).all())


def test_a_reader_sees_one_moment(database: Database) -> None:
    add_people(database)
    with database.read() as session:
        before = session.exec(select(User.id)).all()
        with database.write() as writing:
            writing.add(User(id="eve", email="eve@example.org"))
        assert session.exec(select(User.id)).all() == before
    assert "eve@example.org" in emails(database)


def test_what_fails_leaves_nothing(database: Database) -> None:
    with pytest.raises(StudioError), database.write() as session:
        session.add(User(id="eve", email="eve@example.org"))
        session.flush()
        raise StudioError("No.")
    assert emails(database) == set()


def test_the_same_thing_made_twice_is_a_collision(database: Database) -> None:
    add_people(database)
    with pytest.raises(Collision) as refused, database.write() as session:
        session.add(User(id="other", email=f"{ADA}@example.org"))
    assert refused.value.status == 409
    assert "example.org" not in refused.value.detail


def test_the_size_is_known(database: Database) -> None:
    with database.read() as session:
        assert database.size(session) > 10_000


@pytest.mark.engines("postgres")
def test_a_reader_changes_nothing(database: Database) -> None:
    with database.read() as session, pytest.raises(DBAPIError, match="read-only"):
        session.execute(text("DELETE FROM users"))


@pytest.mark.engines("postgres")
def test_connections_that_the_server_ended_fail_nobody(
    database: Database, postgres: PostgresServer
) -> None:
    add_people(database)
    postgres.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND datname LIKE 'studio%'"
    )
    assert len(emails(database)) == 2


@pytest.mark.engines("postgres")
def test_a_lock_is_not_waited_for_for_ever(database: Database) -> None:
    add_people(database)
    with database.read() as session:
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        shown = [session.connection().execute(text(f"SHOW {name}")).scalar() for name in names]
    assert shown == ["5min", "15s", "2min"]
    with database.write() as one:
        one.get(User, ADA, with_for_update=True)
        with pytest.raises(OperationalError, match="lock timeout"), database.write() as two:
            two.execute(text("SET LOCAL lock_timeout = '50ms'"))
            two.get(User, ADA, with_for_update=True)


@pytest.mark.engines("postgres")
def test_text_that_postgres_does_not_take_is_marked_and_finds_nothing(database: Database) -> None:
    with database.write() as session:
        session.add(User(id="eve", email="eve@example.org", name="E\x00ve"))
    with database.read() as session:
        assert session.get_one(User, "eve").name == "E\ufffdve"
        assert session.get(User, "eve\x00") is None


def test_times_keep_their_moment(database: Database) -> None:
    moment = utc_now() - timedelta(days=3)
    with database.write() as session:
        session.add(User(id="eve", email="eve@example.org", created_at=moment))
    with database.read() as session:
        assert session.get_one(User, "eve").created_at == moment


def test_many_rows_come_as_they_are(database: Database, shelves: Shelves) -> None:
    info = shelves.upload("odd.txt", b"Odd text.")
    odd = "Tab\t, back\\slash, line\nend, \\N and 深い"
    rows = [
        {"id": f"page-{number}", "file_id": info.id, "number": number, "label": "", "text": odd}
        for number in range(1000)
    ]
    with database.write() as session:
        database.insert_rows(session, DocumentPage, rows)
    with database.read() as session:
        texts = session.exec(select(DocumentPage.text)).all()
    assert texts == [odd] * 1000


@pytest.mark.engines("postgres")
def test_a_user_who_may_not_add_pgvector_is_told_what_to_do(postgres: PostgresServer) -> None:
    address = postgres.bare_database()
    postgres.run("DROP ROLE IF EXISTS poor")
    postgres.run("CREATE ROLE poor LOGIN PASSWORD 'hidden'")
    poor = Database(address.replace("postgres:@", "poor:hidden@"))
    with pytest.raises(StudioError, match="CREATE EXTENSION vector") as refused:
        poor.migrate()
    assert "hidden" not in refused.value.detail
    poor.dispose()
    postgres.drop(address)
