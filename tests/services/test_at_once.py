"""What several processes do at the same moment: nothing twice, nothing lost, no error unforeseen.

On SQLite one writer waits for the other; on PostgreSQL they meet.
"""

import dataclasses
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import func, select

from clone_studio.bootstrap import Services
from clone_studio.db import Database, utc_now
from clone_studio.errors import AlreadyThere, Conflict, NotSignedIn, StudioError
from clone_studio.models import Job, Message, PromptDraft, StoredFile, User
from clone_studio.services.answers.transcript import Opened, Transcript
from clone_studio.services.jobs import JobLost, JobQueue
from clone_studio.settings import Settings
from tests.chat_world import OWNER, World
from tests.conftest import OWNER_EMAIL
from tests.knowledge.shelves import ADA, Shelves

MANY = 8


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Do all of `works` at the same moment; return what each returned, or the studio's error."""
    ready = threading.Barrier(len(works))

    def one(work: Callable[[], Any]) -> Any:
        ready.wait(10)
        try:
            return work()
        except StudioError as error:
            return error

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(one, works))


def of(kind: type, found: list[Any]) -> list[Any]:
    return [one for one in found if isinstance(one, kind)]


@pytest.fixture
def other(settings: Settings) -> Iterator[Database]:
    """The database as another process has it."""
    opened = Database(settings.database_url)
    yield opened
    opened.dispose()


def test_two_processes_that_start_make_one_owner(studio: Services, settings: Settings) -> None:
    found = at_once(*[studio.auth.ensure_owner] * MANY)
    assert {one.email for one in found} == {OWNER_EMAIL}
    with studio.database.read() as session:
        assert session.exec(select(func.count()).select_from(User)).one() == 1


def test_a_link_signs_in_once(studio: Services) -> None:
    token = studio.auth.make_link()
    found = at_once(*[lambda: studio.auth.redeem_link(token)] * MANY)
    assert len(of(NotSignedIn, found)) == MANY - 1
    with studio.database.read() as session:
        assert session.exec(select(func.count()).select_from(User)).one() == 1


def test_an_email_address_goes_to_one_of_two(studio: Services) -> None:
    names = [f"user{number}" for number in range(MANY)]
    with studio.database.write() as session:
        session.add_all(User(id=name, email=f"{name}@example.org") for name in names)
    change = studio.auth.update_profile
    found = at_once(*[lambda who=who: change(who, "", "eve@example.org") for who in names])
    assert len(of(Conflict, found)) == MANY - 1


def test_clones_of_one_name_get_addresses_of_their_own(studio: Services) -> None:
    owner = studio.auth.ensure_owner()
    assert owner is not None
    made = at_once(*[lambda: studio.personas.create(owner.id, {"name": "Ben"})] * MANY)
    assert len({one.slug for one in made}) == MANY
    taken = at_once(
        *[lambda: studio.personas.create(owner.id, {"name": "Eve", "slug": "eve"})] * MANY
    )
    assert len(of(Conflict, taken)) == MANY - 1


def test_settings_that_are_entered_twice_are_stored(studio: Services) -> None:
    owner = studio.auth.ensure_owner()
    assert owner is not None
    changes = [
        lambda number=number: studio.stored.change(owner.id, {"STUDIO_CHAT_MODEL": f"m{number}"})
        for number in range(MANY)
    ]
    assert at_once(*changes) == [None] * MANY


def test_two_processes_make_one_sample(studio: Services) -> None:
    owner = studio.auth.ensure_owner()
    assert owner is not None
    # Each process has a lock of its own.
    guides = [dataclasses.replace(studio).guide, _guide_of_another(studio)]
    at_once(*[one.ensure for one in guides])
    for one in guides:
        one.ensure()
    assert [one.slug for one in studio.personas.list_for(owner.id)] == ["studio-guide"]


def _guide_of_another(studio: Services) -> Any:
    guide = type(studio.guide)
    return guide(
        studio.database,
        personas=studio.personas,
        files=studio.files,
        audit=studio.audit,
        folder=studio.settings.data_dir / "guide",
    )


def test_a_draft_begun_in_two_tabs_is_one(studio: Services) -> None:
    owner = studio.auth.ensure_owner()
    assert owner is not None
    studio.personas.create(owner.id, {"name": "Ben"})
    keep = studio.prompt_drafts.keep
    at_once(
        *[lambda n=n: keep(owner.id, "ben", "system", "main", f"Text {n}") for n in range(MANY)]
    )
    with studio.database.read() as session:
        assert session.exec(select(func.count()).select_from(PromptDraft)).one() == 1


def test_the_same_document_arrives_once(shelves: Shelves) -> None:
    found = at_once(*[lambda: shelves.upload("lamps.txt", b"A lamp at sea.")] * MANY)
    assert len(of(AlreadyThere, found)) == MANY - 1
    shelves.work()
    assert shelves.files.list_for(ADA, "franklin").files[0].state == "ready"
    with shelves.database.write() as session:
        session.exec(select(StoredFile)).one().state = "failed"
    again = at_once(*[lambda: shelves.upload("lamps.txt", b"A lamp at sea.")] * MANY)
    assert len(of(AlreadyThere, again)) == MANY - 1


async def test_two_questions_in_one_thread_are_asked_one_after_the_other(
    world: World, settings: Settings
) -> None:
    thread = world.services.conversations.create(OWNER, "ben")
    found = at_once(*[lambda: _open(world, thread.id)] * MANY)
    assert len(of(Opened, found)) == 1
    assert len(of(Conflict, found)) == MANY - 1
    with world.services.database.read() as session:
        assert session.exec(select(func.count()).select_from(Message)).one() == 2


def _open(world: World, thread_id: str) -> Opened:
    transcript = Transcript(world.services.database, "a process")
    return transcript.open(OWNER, "ben", "Who?", model="m", thread_id=thread_id, parent_id=None)


@pytest.mark.engines("postgres")
def test_a_job_does_not_change_hands_inside_a_transaction(
    database: Database, other: Database
) -> None:
    here, there = JobQueue(database, owner="here"), JobQueue(other, owner="there")
    with database.write() as session:
        here.enqueue(session, "read", "file", {})
    job = here.claim(["read"])
    assert job is not None
    with database.write() as session:
        session.get_one(Job, job.id).lease_until = utc_now() - timedelta(seconds=1)
    with database.write() as session:
        here.hold(session, job)
        assert there.claim(["read"]) is None
    taken = there.claim(["read"])
    assert taken is not None
    with database.write() as session, pytest.raises(JobLost):
        here.hold(session, job)


@pytest.mark.engines("postgres")
def test_a_job_that_was_freed_and_taken_is_not_freed_again(
    database: Database, other: Database
) -> None:
    gone = JobQueue(database, owner=_dead_owner())
    with database.write() as session:
        gone.enqueue(session, "read", "file", {})
    assert gone.claim(["read"]) is not None
    queues = [JobQueue(one, owner=name) for one, name in ((database, "a"), (other, "b"))]
    found = at_once(*[lambda q=q: (q.release_dead(), q.claim(["read"])) for q in queues * 4])
    assert sum(freed for freed, _ in found) == 1
    assert len([job for _, job in found if job is not None]) == 1


def _dead_owner() -> str:
    from clone_studio.services.jobs import process_owner

    host, _boot, pid, started = process_owner().split("|")
    return f"{host}|other|{pid}|{started}"


def test_a_document_deleted_while_it_is_read_leaves_no_work(shelves: Shelves) -> None:
    text = "\n\n".join(
        f"Lamp {number} burns at dusk, and its keeper sleeps. " * 8 for number in range(400)
    )
    with shelves.running():
        info = shelves.upload("lamps.txt", text.encode())
        shelves.files.delete(ADA, info.id)
        other = shelves.upload("oil.txt", b"Oil for the lamps.")
        assert shelves.until_settled(other.id).state == "ready"
    with shelves.database.read() as session:
        left = session.exec(
            select(Job.state).where(Job.subject_id == info.id, Job.state == "queued")
        ).all()
    assert left == []


def test_a_job_about_what_is_gone_ends(shelves: Shelves) -> None:
    info = shelves.upload("lamps.txt", b"A lamp at sea.")
    with shelves.database.write() as session:
        session.delete(session.get_one(StoredFile, info.id))
    shelves.work()
    with shelves.database.read() as session:
        assert set(session.exec(select(Job.state)).all()) == {"done"}


@pytest.mark.engines("postgres")
def test_two_processes_migrate_one_after_the_other(postgres: Any) -> None:
    address = postgres.bare_database()
    databases = [Database(address) for _ in range(3)]
    assert at_once(*[one.migrate for one in databases]) == [None] * 3
    for one in databases:
        one.dispose()
    postgres.drop(address)
