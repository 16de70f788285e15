import hashlib
import re
import stat
from datetime import timedelta

import jwt
import pytest
from sqlmodel import select

from clone_studio.db import Database, utc_now
from clone_studio.errors import Conflict, InvalidInput, NotSignedIn, TooManyRequests
from clone_studio.models import AuditEntry, SignInLink, User, UserSession
from clone_studio.services.audit import AuditService
from clone_studio.services.auth import AuthService, UserInfo
from clone_studio.services.events import MemoryEventBus
from clone_studio.services.passwords import Passwords
from clone_studio.services.secret import SECRET_FILE, studio_secret
from clone_studio.settings import Settings
from tests.conftest import quick_passwords

EMAIL, PASSWORD = "ada@example.org", "correct horse battery"


class Account:
    """The service under test and what it is made of."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.database = database
        self.events = MemoryEventBus()
        self.auth = AuthService(
            database,
            settings,
            audit=AuditService(database),
            events=self.events,
            passwords=quick_passwords(),
        )

    def owner(self) -> UserInfo:
        owner = self.auth.ensure_owner()
        assert owner is not None
        return owner

    def actions(self) -> list[str]:
        with self.database.read() as session:
            return list(session.exec(select(AuditEntry.action)).all())

    def expire_everything(self) -> None:
        with self.database.write() as session:
            for row in (*session.exec(select(UserSession)), *session.exec(select(SignInLink))):
                row.expires_at = utc_now() - timedelta(seconds=1)


@pytest.fixture
def account(settings: Settings, database: Database) -> Account:
    return Account(settings, database)


@pytest.fixture
def ownerless(settings: Settings, database: Database) -> Account:
    bare = settings.model_copy(update={"owner_email": None, "owner_password": None})
    return Account(bare, database)


def test_the_owner_of_the_settings_is_made_once_and_then_left_alone(account: Account) -> None:
    first = account.owner()
    assert (first.email, first.is_owner, first.has_password) == (EMAIL, True, True)
    account.auth.set_password(first.id, PASSWORD, "another password", keep_session_id="")
    assert account.owner().id == first.id
    with pytest.raises(NotSignedIn):
        account.auth.sign_in(EMAIL, PASSWORD, "127.0.0.1")
    account.auth.sign_in(EMAIL, "another password", "127.0.0.1")


def test_without_owner_settings_the_first_link_makes_the_owner(ownerless: Account) -> None:
    assert ownerless.auth.ensure_owner() is None
    token = ownerless.auth.make_link()
    signed_in = ownerless.auth.redeem_link(token, "Firefox")
    user = signed_in.session.user
    assert user.is_owner
    assert not user.has_password
    found = ownerless.auth.session_for(signed_in.token)
    assert found is not None
    assert found.user == user
    assert ownerless.actions() == ["owner.created", "sign_in.link"]


def test_a_link_works_once(ownerless: Account) -> None:
    token = ownerless.auth.make_link()
    ownerless.auth.redeem_link(token)
    with pytest.raises(NotSignedIn, match="used already"):
        ownerless.auth.redeem_link(token)


def test_the_first_link_holds_a_day_and_later_ones_half_an_hour(ownerless: Account) -> None:
    lives = []
    for _ in range(2):
        token = ownerless.auth.make_link()
        digest = hashlib.sha256(token.encode()).hexdigest()
        with ownerless.database.read() as session:
            link = session.exec(select(SignInLink).where(SignInLink.token_hash == digest)).one()
        lives.append((link.expires_at - link.created_at).total_seconds())
        ownerless.auth.redeem_link(token)
    assert lives == pytest.approx([24 * 3600, 30 * 60], abs=5)


def test_an_old_link_is_refused(ownerless: Account) -> None:
    token = ownerless.auth.make_link()
    ownerless.expire_everything()
    with pytest.raises(NotSignedIn):
        ownerless.auth.redeem_link(token)
    with ownerless.database.read() as session:
        assert session.exec(select(User)).first() is None


@pytest.mark.parametrize("token", ["", "x", "a" * 500, "\udcff"])
def test_a_made_up_link_is_refused(ownerless: Account, token: str) -> None:
    ownerless.auth.make_link()
    with pytest.raises(NotSignedIn):
        ownerless.auth.redeem_link(token)


def test_only_the_hash_of_a_session_is_stored(account: Account) -> None:
    account.owner()
    signed_in = account.auth.sign_in(EMAIL.upper(), PASSWORD, "127.0.0.1", "Firefox")
    assert len(signed_in.token) >= 43
    with account.database.read() as session:
        row = session.exec(select(UserSession)).one()
    assert row.token_hash == hashlib.sha256(signed_in.token.encode()).hexdigest()
    assert signed_in.token not in repr(row)
    assert row.user_agent == "Firefox"
    life = signed_in.session.expires_at - utc_now()
    assert timedelta(hours=23, minutes=59) < life <= timedelta(hours=24)


def test_passwords_are_hashed_with_argon2id_and_64_mib() -> None:
    passwords = Passwords()
    stored = passwords.hash(PASSWORD)
    assert re.match(r"\$argon2id\$v=19\$m=65536,", stored)
    assert passwords.fits(PASSWORD, stored)
    assert not passwords.fits("wrong", stored)


def test_the_password_itself_is_not_stored(account: Account) -> None:
    account.owner()
    with account.database.read() as session:
        stored = session.exec(select(User.password_hash)).one()
    assert stored is not None
    assert stored.startswith("$argon2id$")
    assert PASSWORD not in stored


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (EMAIL, "wrong"),
        (EMAIL, ""),
        (EMAIL, "x" * 5000),
        ("nobody@example.org", PASSWORD),
        ("", ""),
    ],
)
def test_wrong_credentials_all_read_the_same(account: Account, email: str, password: str) -> None:
    account.owner()
    with pytest.raises(NotSignedIn, match="address or the password is not right"):
        account.auth.sign_in(email, password, "127.0.0.1")


def test_an_owner_without_password_cannot_sign_in_with_an_empty_one(ownerless: Account) -> None:
    user = ownerless.auth.redeem_link(ownerless.auth.make_link()).session.user
    with pytest.raises(NotSignedIn):
        ownerless.auth.sign_in(user.email, "", "127.0.0.1")


def test_attempts_are_limited_per_client_and_account(account: Account) -> None:
    account.owner()
    for _ in range(5):
        with pytest.raises(NotSignedIn):
            account.auth.sign_in(EMAIL, "wrong", "10.0.0.1")
    with pytest.raises(TooManyRequests) as refused:
        account.auth.sign_in(EMAIL, PASSWORD, "10.0.0.1")
    assert 0 < refused.value.retry_after <= 15 * 60
    account.auth.sign_in(EMAIL, PASSWORD, "10.0.0.2")


def test_a_right_password_gives_the_attempts_back(account: Account) -> None:
    account.owner()
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(NotSignedIn):
                account.auth.sign_in(EMAIL, "wrong", "10.0.0.1")
        account.auth.sign_in(EMAIL, PASSWORD, "10.0.0.1")


def test_signing_out_ends_one_session(account: Account) -> None:
    account.owner()
    here = account.auth.sign_in(EMAIL, PASSWORD, "127.0.0.1")
    there = account.auth.sign_in(EMAIL, PASSWORD, "127.0.0.1")
    account.auth.sign_out(here.token)
    account.auth.sign_out(here.token)
    account.auth.sign_out(None)
    assert account.auth.session_for(here.token) is None
    assert not account.auth.is_valid(here.session.id)
    assert account.auth.session_for(there.token) is not None
    assert account.auth.is_valid(there.session.id)


async def test_signing_out_everywhere_ends_all_and_says_so(account: Account) -> None:
    owner = account.owner()
    sessions = [account.auth.sign_in(EMAIL, PASSWORD, "127.0.0.1") for _ in range(2)]
    token = account.auth.issue_token(EMAIL, PASSWORD, "127.0.0.1").token
    async with account.events.subscribe("session:") as heard:
        account.auth.sign_out_everywhere(owner.id)
        ended = set()
        async for topic, event in heard:
            assert event == {"type": "session_ended"}
            ended.add(topic)
            if len(ended) == 3:
                break
    assert {f"session:{one.session.id}" for one in sessions} <= ended
    assert all(account.auth.session_for(one.token) is None for one in sessions)
    assert account.auth.user_for_token(token) is None


def test_an_expired_session_is_none(account: Account) -> None:
    account.owner()
    signed_in = account.auth.sign_in(EMAIL, PASSWORD, "127.0.0.1")
    account.expire_everything()
    assert account.auth.session_for(signed_in.token) is None
    assert not account.auth.is_valid(signed_in.session.id)
    for nobody in (None, "", "made up"):
        assert account.auth.session_for(nobody) is None


def test_a_session_in_use_remembers_when_it_was_seen(account: Account) -> None:
    account.owner()
    signed_in = account.auth.sign_in(EMAIL, PASSWORD, "127.0.0.1")
    long_ago = utc_now() - timedelta(hours=1)
    with account.database.write() as session:
        session.exec(select(UserSession)).one().last_seen_at = long_ago
    account.auth.session_for(signed_in.token)
    with account.database.read() as session:
        assert session.exec(select(UserSession)).one().last_seen_at > long_ago


def test_a_bearer_token_names_its_user(account: Account) -> None:
    owner = account.owner()
    token = account.auth.issue_token(EMAIL, PASSWORD, "127.0.0.1")
    assert token.expires_in == 24 * 3600
    assert account.auth.user_for_token(token.token) == owner


def test_forged_tokens_name_nobody(account: Account) -> None:
    owner = account.owner()
    session = account.auth.sign_in(EMAIL, PASSWORD, "127.0.0.1").session
    claims = {"sub": owner.id, "sid": session.id, "exp": session.expires_at}
    secret = studio_secret(account.settings)
    forged = [
        jwt.encode(claims, "another secret of thirty-two characters", algorithm="HS256"),
        jwt.encode(claims, None, algorithm="none"),
        jwt.encode({**claims, "sub": "somebody"}, secret, algorithm="HS256"),
        jwt.encode({**claims, "sid": "unknown"}, secret, algorithm="HS256"),
        jwt.encode({"sub": owner.id, "sid": session.id}, secret, algorithm="HS256"),
        jwt.encode({**claims, "exp": utc_now() - timedelta(1)}, secret, algorithm="HS256"),
        "",
        "a.b.c",
    ]
    assert [account.auth.user_for_token(token) for token in forged] == [None] * len(forged)


def test_a_new_password_ends_the_other_sessions(account: Account) -> None:
    owner = account.owner()
    here = account.auth.sign_in(EMAIL, PASSWORD, "127.0.0.1")
    there = account.auth.sign_in(EMAIL, PASSWORD, "127.0.0.1")
    account.auth.set_password(owner.id, PASSWORD, "a new password", keep_session_id=here.session.id)
    assert account.auth.session_for(here.token) is not None
    assert account.auth.session_for(there.token) is None
    assert "password.changed" in account.actions()


@pytest.mark.parametrize(
    ("current", "new", "field"),
    [
        ("wrong", "long enough", "current"),
        (PASSWORD, "short", "password"),
        (PASSWORD, "x" * 201, "password"),
    ],
)
def test_a_password_change_is_checked(account: Account, current: str, new: str, field: str) -> None:
    owner = account.owner()
    with pytest.raises(InvalidInput) as refused:
        account.auth.set_password(owner.id, current, new, keep_session_id="")
    assert refused.value.field == field


def test_guessing_the_present_password_is_limited(account: Account) -> None:
    owner = account.owner()
    for _ in range(5):
        with pytest.raises(InvalidInput):
            account.auth.set_password(owner.id, "wrong", "long enough", keep_session_id="")
    with pytest.raises(TooManyRequests):
        account.auth.set_password(owner.id, PASSWORD, "long enough", keep_session_id="")


def test_the_first_password_needs_no_present_one(ownerless: Account) -> None:
    signed_in = ownerless.auth.redeem_link(ownerless.auth.make_link())
    user = signed_in.session.user
    ownerless.auth.set_password(
        user.id, "", "my first password", keep_session_id=signed_in.session.id
    )
    assert ownerless.auth.sign_in(user.email, "my first password", "127.0.0.1")


def test_the_profile_can_be_changed(account: Account) -> None:
    owner = account.owner()
    changed = account.auth.update_profile(owner.id, "  Ada Lovelace ", " ADA@Example.com ")
    assert (changed.name, changed.email) == ("Ada Lovelace", "ada@example.com")
    with account.database.write() as session:
        session.add(User(email="eve@example.org"))
    with pytest.raises(Conflict):
        account.auth.update_profile(owner.id, "Ada", "eve@example.org")
    for name, email in (
        ("Ada", "no address"),
        ("x" * 121, EMAIL),
        ("Ada", "@"),
        ("Ada", "a" * 300),
    ):
        with pytest.raises(InvalidInput):
            account.auth.update_profile(owner.id, name, email)


def test_the_secret_is_made_once_and_readable_by_its_owner_alone(settings: Settings) -> None:
    first = studio_secret(settings)
    path = settings.data_dir / SECRET_FILE
    assert len(first) >= 32
    assert studio_secret(settings) == first == path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in settings.data_dir.glob(f"{SECRET_FILE}*")] == [SECRET_FILE]


def test_the_secret_of_the_settings_wins(settings: Settings) -> None:
    given = Settings(_env_file=None, data_dir=settings.data_dir, secret_key="s" * 40)
    assert studio_secret(given) == b"s" * 40
    assert not (settings.data_dir / SECRET_FILE).exists()
