import pytest
from pydantic import SecretStr
from sqlmodel import col, select

from clone_studio.db import Database
from clone_studio.errors import InvalidInput, NotFound
from clone_studio.models import AuditEntry, StoredSetting, User
from clone_studio.services.audit import AuditService
from clone_studio.services.stored_settings import DEFINITIONS, StoredSettings, masked
from clone_studio.settings import UNREADABLE, Settings, field_of

KEY = "sk-proj-0123456789-abcdefghij-WXYZ"
OWNER, STRANGER = "owner", "stranger"


@pytest.fixture
def stored(database: Database, settings: Settings) -> StoredSettings:
    with database.write() as session:
        session.add(User(id=OWNER, email="ada@example.org", is_owner=True))
        session.add(User(id=STRANGER, email="eve@example.org"))
    return again(database, settings)


def again(database: Database, settings: Settings) -> StoredSettings:
    """Return what a studio that starts with `settings` sees."""
    return StoredSettings(database, settings, audit=AuditService(database))


def info(stored: StoredSettings, name: str):
    return next(one for one in stored.list_for(OWNER) if one.name == name)


def test_a_key_is_in_force_at_once_and_after_a_restart(
    stored: StoredSettings, database: Database, settings: Settings
) -> None:
    stored.change(OWNER, {"OPENAI_API_KEY": f"  {KEY}\n"})
    for one in (stored, again(database, settings)):
        assert one.in_force().openai_api_key.get_secret_value() == KEY
        assert one.in_force().uses_openai_llm
    assert (info(stored, "OPENAI_API_KEY").shown, info(stored, "OPENAI_API_KEY").source) == (
        "sk-…WXYZ",
        "stored",
    )


def test_a_key_is_encrypted_and_never_twice_alike(
    stored: StoredSettings, database: Database
) -> None:
    seen = set()
    for _ in range(2):
        stored.change(OWNER, {"OPENAI_API_KEY": KEY})
        with database.read() as session:
            row = session.get_one(StoredSetting, "OPENAI_API_KEY")
        assert row.is_secret and KEY not in row.value
        seen.add(row.value)
        stored.change(OWNER, {"OPENAI_API_KEY": None})
    assert len(seen) == 2


def test_none_or_nothing_removes(stored: StoredSettings) -> None:
    for nothing in (None, "", "  "):
        stored.change(OWNER, {"STUDIO_CHAT_MODEL": "llama3.2"})
        stored.change(OWNER, {"STUDIO_CHAT_MODEL": nothing})
        assert info(stored, "STUDIO_CHAT_MODEL").source == "default"
        assert stored.in_force().chat_model == "gpt-6-luna"


def test_a_default_is_not_stored(stored: StoredSettings, database: Database) -> None:
    stored.change(OWNER, {"STUDIO_LLM": "auto", "STUDIO_CHAT_MODEL": "gpt-6-luna"})
    with database.read() as session:
        assert session.exec(select(StoredSetting)).all() == []


def test_the_environment_wins(database: Database, settings: Settings, stored) -> None:
    stored.change(OWNER, {"STUDIO_CHAT_MODEL": "llama3.2", "OPENAI_API_KEY": KEY})
    given = settings.model_copy(update={"chat_model": "given"})
    restarted = again(database, given)
    assert restarted.in_force().chat_model == "given"
    assert restarted.in_force().openai_api_key.get_secret_value() == KEY
    assert info(restarted, "STUDIO_CHAT_MODEL").source == "environment"
    with pytest.raises(InvalidInput, match="set by the environment"):
        restarted.change(OWNER, {"STUDIO_CHAT_MODEL": "mine"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENAI_API_KEY", "sk-with a space"),
        ("OPENAI_API_KEY", "sk-…abcd"),
        ("OPENAI_API_KEY", "sk-" + "x" * 600),
        ("OPENAI_BASE_URL", "localhost:11434"),
        ("OPENAI_BASE_URL", "ftp://example.org"),
        ("OPENAI_BASE_URL", "http://example.org:port/v1"),
        ("OPENAI_BASE_URL", "http://me:secret@example.org/v1"),
        ("STUDIO_LLM", "telepathy"),
        ("STUDIO_CHAT_MODEL", "two\nlines"),
        ("STUDIO_SECRET_KEY", "x" * 40),
        ("PATH", "/tmp"),
    ],
)
def test_what_cannot_be_used_is_refused_without_repeating_it(
    stored: StoredSettings, name: str, value: str
) -> None:
    changes = {"STUDIO_EMBEDDINGS": "local", name: value}
    with pytest.raises(InvalidInput) as caught:
        stored.change(OWNER, changes)
    assert caught.value.field == name
    assert value not in caught.value.detail
    assert caught.value.__cause__ is None
    assert info(stored, "STUDIO_EMBEDDINGS").source == "default", "all of them, or none"


def test_only_the_owner(stored: StoredSettings) -> None:
    for user in (STRANGER, "nobody", ""):
        with pytest.raises(NotFound):
            stored.change(user, {"OPENAI_API_KEY": KEY})
        with pytest.raises(NotFound):
            stored.list_for(user)
        with pytest.raises(NotFound):
            stored.tried(user, {})


def test_trying_stores_nothing(stored: StoredSettings) -> None:
    stored.change(OWNER, {"OPENAI_API_KEY": KEY})
    tried = stored.tried(OWNER, {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"})
    assert tried.openai_base_url == "http://127.0.0.1:9/v1"
    assert tried.openai_api_key.get_secret_value() == KEY
    assert stored.in_force().openai_base_url is None


def test_another_secret_key_asks_for_the_key_again(
    stored: StoredSettings, database: Database, settings: Settings
) -> None:
    stored.change(OWNER, {"OPENAI_API_KEY": KEY})
    moved = again(
        database,
        settings.model_copy(update={"secret_key": SecretStr("another secret of the studio, 1")}),
    )
    found = info(moved, "OPENAI_API_KEY")
    assert found.shown == ""
    assert "Enter it again" in found.problem
    assert moved.in_force().openai_api_key == UNREADABLE
    assert moved.in_force().uses_openai_llm, "who answers does not change by itself"
    assert KEY not in moved.secrets()
    moved.change(OWNER, {"OPENAI_API_KEY": KEY})
    assert moved.problems() == {}
    assert moved.in_force().openai_api_key.get_secret_value() == KEY


def test_what_no_longer_fits_is_left_out_and_said(
    stored: StoredSettings, database: Database
) -> None:
    with database.write() as session:
        session.add(StoredSetting(name="STUDIO_LLM", value="telepathy"))
        session.add(StoredSetting(name="STUDIO_OF_LATER", value="x"))
    assert stored.in_force().llm == "auto"
    assert "STUDIO_LLM" in info(stored, "STUDIO_LLM").problem
    stored.change(OWNER, {"STUDIO_LLM": None})
    assert stored.problems() == {}


def test_each_change_is_in_the_audit_log_without_its_value(
    stored: StoredSettings, database: Database
) -> None:
    stored.change(OWNER, {"OPENAI_API_KEY": KEY, "STUDIO_CHAT_MODEL": "llama3.2"})
    stored.change(OWNER, {"STUDIO_CHAT_MODEL": "llama3.2"})
    stored.change(OWNER, {"OPENAI_API_KEY": None})
    with database.read() as session:
        rows = session.exec(select(AuditEntry).order_by(col(AuditEntry.created_at))).all()
    assert [(row.action, row.subject, row.user_id) for row in rows] == [
        ("setting.changed", "OPENAI_API_KEY", OWNER),
        ("setting.changed", "STUDIO_CHAT_MODEL", OWNER),
        ("setting.removed", "OPENAI_API_KEY", OWNER),
    ]
    assert {row.detail for row in rows} == {""}


def test_replaced_keys_stay_out_of_the_logs(stored: StoredSettings) -> None:
    stored.change(OWNER, {"OPENAI_API_KEY": KEY})
    stored.change(OWNER, {"OPENAI_API_KEY": KEY + "2"})
    assert {KEY, KEY + "2"} <= stored.secrets()


def test_masks() -> None:
    assert masked("short-key") == "…"
    assert masked("sk-0123456789abcdef") == "sk-…cdef"
    assert masked("0123456789abcdef0123") == "…0123"


def test_every_definition_is_a_setting_and_secrets_are_secrets() -> None:
    for one in DEFINITIONS:
        annotation = str(Settings.model_fields[field_of(one.name)].annotation)
        assert ("SecretStr" in annotation) == one.is_secret


def test_an_address_of_the_environment_is_shown_without_its_password(
    database: Database, settings: Settings, stored
) -> None:
    given = settings.model_copy(update={"openai_base_url": "http://me:hidden@example.org/v1"})
    shown = info(again(database, given), "OPENAI_BASE_URL").shown
    assert shown == "http://…@example.org/v1"
