import pytest
from sqlmodel import select

from clone_studio.bootstrap import Services
from clone_studio.db import utc_now
from clone_studio.errors import Conflict, InvalidInput, NotFound
from clone_studio.models import (
    AuditEntry,
    Chunk,
    ChunkVector,
    Conversation,
    DocumentPage,
    Job,
    Message,
    Persona,
    PromptVersion,
    StoredFile,
    User,
)
from clone_studio.worker import Worker


@pytest.fixture
def owner_id(studio: Services) -> str:
    owner = studio.auth.ensure_owner()
    assert owner is not None
    return owner.id


def test_a_new_clone_has_first_versions_of_its_prompts(studio: Services, owner_id: str) -> None:
    persona = studio.personas.create(owner_id, {"name": "Ada"})
    assert (persona.template_name, persona.template_version) == ("default", "1")
    with studio.database.read() as session:
        versions = session.exec(
            select(PromptVersion).where(PromptVersion.persona_id == persona.id)
        ).all()
    assert {(one.layer, one.version, one.is_active) for one in versions} == {
        ("system", 1, True),
        ("rag", 1, True),
        ("user", 1, True),
    }


def test_a_clone_that_cannot_be_made_leaves_nothing(studio: Services, owner_id: str) -> None:
    for changes in ({}, {"name": " "}, {"name": "A", "slug": "new"}):
        with pytest.raises(InvalidInput):
            studio.personas.create(owner_id, changes)
    with pytest.raises(NotFound):
        studio.personas.create(owner_id, {"name": "A", "template_name": "unknown"})
    assert studio.personas.list_for(owner_id) == []


def test_slugs_are_one_users_own(studio: Services, owner_id: str) -> None:
    with studio.database.write() as session:
        session.add(User(id="eve", email="eve@example.org"))
    assert studio.personas.create(owner_id, {"name": "Ada"}).slug == "ada"
    assert studio.personas.create("eve", {"name": "Ada"}).slug == "ada"
    assert studio.personas.create("eve", {"name": "Ada"}).slug == "ada-2"
    with pytest.raises(Conflict):
        studio.personas.update("eve", "ada", {"slug": "ada-2"})
    assert studio.personas.update("eve", "ada", {"slug": "ADA "}).slug == "ada"


@pytest.mark.parametrize("ref", ["", "nobody", "a" * 1000, "\x00", "ada' OR '1'='1", None, 7])
def test_what_is_not_there_is_not_found(studio: Services, owner_id: str, ref: object) -> None:
    studio.personas.create(owner_id, {"name": "Ada"})
    with pytest.raises(NotFound):
        studio.personas.get_for(owner_id, ref)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        studio.personas.get_for("", "ada")


def test_the_consent_has_a_date_that_belongs_to_its_words(studio: Services, owner_id: str) -> None:
    persona = studio.personas.create(owner_id, {"name": "Ada"})
    assert persona.consent_at is None
    given = studio.personas.update(owner_id, "ada", {"consent_statement": "I am Ada."})
    assert given.consent_at is not None
    again = studio.personas.update(
        owner_id, "ada", {"consent_statement": "I am Ada.", "purpose": "Counts."}
    )
    assert again.consent_at == given.consent_at
    other = studio.personas.update(owner_id, "ada", {"consent_statement": "I may speak for her."})
    assert other.consent_at is not None
    assert other.consent_at > given.consent_at
    withdrawn = studio.personas.update(owner_id, "ada", {"consent_statement": " "})
    assert (withdrawn.consent_statement, withdrawn.consent_at) == ("", None)
    with studio.database.read() as session:
        entries = session.exec(select(AuditEntry.action, AuditEntry.detail)).all()
    assert [one for one in entries if "consent" in one[0]] == [
        ("persona.consent", "I am Ada."),
        ("persona.consent", "I may speak for her."),
        ("persona.consent_withdrawn", ""),
    ]


def test_the_clone_used_last_comes_first(studio: Services, owner_id: str) -> None:
    ids = [studio.personas.create(owner_id, {"name": name}).id for name in ("A", "B", "C")]
    studio.personas.touch(ids[0])
    studio.personas.touch("unknown")
    assert studio.personas.list_for(owner_id)[0].name == "A"
    used = studio.personas.get_for(owner_id, "a").last_used_at
    studio.personas.touch(ids[0])
    assert studio.personas.get_for(owner_id, "a").last_used_at == used


def test_a_copy_takes_settings_and_prompt_history(studio: Services, owner_id: str) -> None:
    fields = {
        "name": "x" * 80,
        "purpose": "Counts.",
        "temperature": 1.25,
        "example_questions": ["Who?"],
        "retrieval": {"limit": 9},
        "consent_statement": "I am Ada.",
    }
    source = studio.personas.create(owner_id, fields)
    with studio.database.write() as session:
        first = session.exec(select(PromptVersion).where(PromptVersion.layer == "system")).one()
        first.is_active = False
        session.add(
            PromptVersion(
                persona_id=source.id,
                layer="system",
                version=2,
                content="Be brief.",
                is_active=True,
                parent_version_id=first.id,
            )
        )
    twin = studio.personas.duplicate(owner_id, source.id)
    assert len(twin.name) <= 80
    assert twin.name.endswith("(copy)")
    same = ("purpose", "temperature", "example_questions", "retrieval", "template_name")
    assert all(getattr(twin, name) == getattr(source, name) for name in same)
    assert (twin.consent_statement, twin.consent_at, twin.is_sample) == ("", None, False)
    assert studio.prompts.layers(twin.id).system == "Be brief."
    with studio.database.read() as session:
        copied = session.exec(
            select(PromptVersion).where(
                PromptVersion.persona_id == twin.id, PromptVersion.layer == "system"
            )
        ).all()
    by_version = {one.version: one for one in copied}
    assert by_version[2].parent_version_id == by_version[1].id
    assert by_version[1].id != first.id


def test_a_copy_reads_the_documents_anew_and_shares_no_bytes(
    studio: Services, owner_id: str
) -> None:
    source = studio.personas.create(owner_id, {"name": "Ada"})
    kept = studio.files.add_text(source.id, "kept.md", "# Kept")
    lost = studio.files.add_text(source.id, "lost.md", "# Lost")
    with studio.database.read() as session:
        row = session.get(StoredFile, lost.id)
        assert row is not None
        studio.store.delete(row.storage_key)
    twin = studio.personas.duplicate(owner_id, source.id)
    copied = studio.files.list_for(owner_id, twin.id).files
    assert [(one.name, one.state) for one in copied] == [("kept.md", "processing")]
    with studio.database.read() as session:
        job = session.exec(select(Job).where(Job.subject_id == copied[0].id)).one()
    assert (job.kind, job.state) == ("ingest", "queued")
    studio.files.delete(owner_id, kept.id)
    path, _, _ = studio.files.content_path(owner_id, copied[0].id)
    assert path.read_text() == "# Kept"


def test_deleting_takes_everything_and_counts_it(studio: Services, owner_id: str) -> None:
    persona = studio.personas.create(owner_id, {"name": "Ada"})
    studio.files.add_text(persona.id, "a.md", "# A\n\nThe engine weaves.")
    job = studio.jobs.claim(("ingest",))
    assert job is not None
    Worker(studio, ingesters=2).run(job)
    thread = studio.conversations.create(owner_id, persona.id)
    with studio.database.write() as session:
        session.add(Message(thread_id=thread.id, role="user", content="Who?"))
        session.add(Message(thread_id=thread.id, role="assistant", content="Ada."))
    deleted = studio.personas.delete(owner_id, "ada")
    assert (deleted.files, deleted.chunks, deleted.threads, deleted.messages) == (1, 1, 1, 2)
    with studio.database.read() as session:
        for table in (
            Persona,
            PromptVersion,
            StoredFile,
            DocumentPage,
            Chunk,
            ChunkVector,
            Conversation,
            Message,
        ):
            assert session.exec(select(table)).all() == [], table
    assert studio.index.keyword(persona.id, ["engin"], 10) == []
    assert [p for p in (studio.settings.data_dir / "files").rglob("*") if p.is_file()] == []


def test_a_form_saved_twice_moves_the_time_of_change_on(studio: Services, owner_id: str) -> None:
    before = utc_now()
    studio.personas.create(owner_id, {"name": "Ada"})
    changed = studio.personas.update(owner_id, "ada", {"purpose": "Counts."})
    assert changed.updated_at > before
