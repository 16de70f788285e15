"""Accounts: signing in by link or password, sessions of browsers and tokens of programs.

Every secret that is handed out has 256 random bits and only its SHA-256 is stored: looking it
up by the hash tells nothing about the secret, neither by time nor to who reads the database.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import jwt
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, delete, select, update

from clone_studio.db import Database, utc_now
from clone_studio.errors import Conflict, InvalidInput, NotSignedIn
from clone_studio.models import SignInLink, User, UserSession
from clone_studio.providers.cache.protocol import Cache
from clone_studio.services.attempts import AttemptLimiter
from clone_studio.services.audit import AuditService
from clone_studio.services.events import EventBus
from clone_studio.services.passwords import Passwords
from clone_studio.services.secret import studio_secret
from clone_studio.settings import Settings

SESSION_COOKIE = "studio_session"
FIRST_LINK_LIFE = timedelta(hours=24)
LINK_LIFE = timedelta(minutes=30)
SEEN_EVERY = timedelta(minutes=10)
ATTEMPT_WINDOW_SECONDS = 15 * 60
ATTEMPTS_PER_ACCOUNT = 5
ATTEMPTS_PER_CLIENT = 30
OWNER_EMAIL = "owner@localhost"
ALGORITHM = "HS256"
WRONG = "The email address or the password is not right."

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")


@dataclass(frozen=True)
class UserInfo:
    """An account as the rest of the studio sees it."""

    id: str
    email: str
    name: str
    is_owner: bool
    has_password: bool


@dataclass(frozen=True)
class SessionInfo:
    """A valid session and whose it is."""

    id: str
    user: UserInfo
    expires_at: datetime


@dataclass(frozen=True)
class SignedIn:
    """A new session; `token` is the value of its cookie and exists nowhere else."""

    token: str
    session: SessionInfo


@dataclass(frozen=True)
class AccessToken:
    """A bearer token for programs; `expires_in` is in seconds."""

    token: str
    expires_in: int


class AuthService:
    """Signs people in and out. Password work blocks: call it from threads."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        audit: AuditService,
        events: EventBus,
        cache: Cache | None = None,
        passwords: Passwords | None = None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._audit = audit
        self._events = events
        self._passwords = passwords or Passwords()
        self._by_account = AttemptLimiter(
            ATTEMPTS_PER_ACCOUNT, ATTEMPT_WINDOW_SECONDS, cache=cache, name="account"
        )
        self._by_client = AttemptLimiter(
            ATTEMPTS_PER_CLIENT, ATTEMPT_WINDOW_SECONDS, cache=cache, name="client"
        )
        self._life = timedelta(hours=settings.session_hours)

    @cached_property
    def _secret(self) -> bytes:
        return studio_secret(self._settings)

    def ensure_owner(self) -> UserInfo | None:
        """Make the owner from `STUDIO_OWNER_EMAIL` and `STUDIO_OWNER_PASSWORD`, once.

        Returns:
            The owner, or None where there is none and the settings name none. An owner that
            exists is left as it is: the password may have been changed since.
        """
        email, password = self._settings.owner_email, self._settings.owner_password
        with self._database.read() as session:
            owner = _owner(session)
        if owner is not None or email is None or password is None:
            return None if owner is None else _user_info(owner)
        hashed = self._passwords.hash(password.get_secret_value())
        with self._database.write() as session:
            owner = _owner(session) or self._new_owner(session, _checked_email(email), hashed)
            session.flush()
            return _user_info(owner)

    def make_link(self) -> str:
        """Return the token of a new link that signs its bearer in once.

        The first one, which makes the owner, holds 24 hours; later ones 30 minutes.
        """
        token = _new_token()
        now = utc_now()
        with self._database.write() as session:
            life = FIRST_LINK_LIFE if _owner(session) is None else LINK_LIFE
            session.exec(delete(SignInLink).where(col(SignInLink.expires_at) < now))
            session.add(SignInLink(token_hash=_digest(token), expires_at=now + life))
        return token

    def redeem_link(self, token: str, user_agent: str = "") -> SignedIn:
        """Sign the bearer of a link in, making the owner's account when there is none.

        Raises:
            NotSignedIn: The link is unknown, used or too old.
        """
        now = utc_now()
        with self._database.write() as session:
            link = session.exec(
                select(SignInLink).where(
                    SignInLink.token_hash == _digest(token),
                    col(SignInLink.used_at).is_(None),
                    SignInLink.expires_at > now,
                )
            ).first()
            if link is None:
                raise NotSignedIn(
                    "This link was used already or is too old. Run ./studio link for a new one."
                )
            link.used_at = now
            owner = _owner(session) or self._new_owner(session, OWNER_EMAIL, None)
            self._audit.write(session, "sign_in.link", user_id=owner.id)
            return self._new_session(session, owner, user_agent)

    def sign_in(self, email: str, password: str, client: str, user_agent: str = "") -> SignedIn:
        """Sign in with email and password.

        Args:
            email: Address of the account, upper and lower case alike.
            password: The password.
            client: Network address of who asks; attempts are counted per client and account.
            user_agent: Name of the browser, kept with the session.

        Raises:
            NotSignedIn: Wrong, or no such account: both look and last the same.
            TooManyRequests: Too many attempts; `retry_after` is in seconds.
        """
        user = self._verified(email, password, client)
        with self._database.write() as session:
            self._audit.write(session, "sign_in.password", user_id=user.id)
            return self._new_session(session, user, user_agent)

    def session_for(self, token: str | None) -> SessionInfo | None:
        """Return the session of a cookie's value, None unless it is valid now."""
        if not token:
            return None
        now = utc_now()
        with self._database.read() as session:
            row = _valid_session(session, UserSession.token_hash == _digest(token), now)
        if row is None:
            return None
        if now - row[0].last_seen_at >= SEEN_EVERY:
            self._seen(row[0].id, now)
        return _session_info(*row)

    def is_valid(self, session_id: str) -> bool:
        """Tell whether the session with this id has neither ended nor expired."""
        with self._database.read() as session:
            return _valid_session(session, UserSession.id == session_id, utc_now()) is not None

    def sign_out(self, token: str | None) -> None:
        """End the session of a cookie's value; an unknown one is no error."""
        if token:
            self._end(UserSession.token_hash == _digest(token), "sign_out")

    def sign_out_everywhere(self, user_id: str) -> None:
        """End every session and access token of a user."""
        self._end(UserSession.user_id == user_id, "sign_out.everywhere")

    def set_password(self, user_id: str, current: str, new: str, *, keep_session_id: str) -> None:
        """Change the password, or set the first one (then `current` does not matter).

        All other sessions and access tokens of the user end: whoever knew the old password
        is out.

        Args:
            user_id: Whose password.
            current: The present password.
            new: The new one.
            keep_session_id: The session that asks and goes on; empty ends all of them.

        Raises:
            InvalidInput: The present password is wrong (field `current`), or the new one is
                too short or too long.
            TooManyRequests: Too many wrong guesses of the present password.
        """
        with self._database.read() as session:
            stored = _user(session, user_id).password_hash
        if stored is not None:
            key = f"password\n{user_id}"
            self._by_account.take(key)
            if not self._passwords.fits(current, stored):
                raise InvalidInput("The present password is not right.", field="current")
            self._by_account.forget(key)
        hashed = self._passwords.hash(new)
        with self._database.write() as session:
            _user(session, user_id).password_hash = hashed
            self._audit.write(session, "password.changed", user_id=user_id)
        self._end(
            (UserSession.user_id == user_id) & (UserSession.id != keep_session_id),
            "sign_out.others",
        )

    def update_profile(self, user_id: str, name: str, email: str) -> UserInfo:
        """Change name and email address.

        Raises:
            InvalidInput: Not an email address, or too long.
            Conflict: Another account has the address.
        """
        name = name.strip()
        if len(name) > 120:
            raise InvalidInput("A name may have at most 120 characters.", field="name")
        email = _checked_email(email)
        with self._database.write() as session:
            other = session.exec(select(User.id).where(User.email == email)).first()
            if other not in {None, user_id}:
                raise Conflict("Another account has this email address.")
            user = _user(session, user_id)
            user.name, user.email = name, email
            return _user_info(user)

    def issue_token(self, email: str, password: str, client: str) -> AccessToken:
        """Return a bearer token for programs; signing out everywhere ends it.

        Raises:
            NotSignedIn, TooManyRequests: As `sign_in`.
        """
        user = self._verified(email, password, client)
        with self._database.write() as session:
            self._audit.write(session, "sign_in.token", user_id=user.id)
            signed_in = self._new_session(session, user, "API token")
        claims = {
            "sub": user.id,
            "sid": signed_in.session.id,
            "exp": signed_in.session.expires_at,
        }
        token = jwt.encode(claims, self._secret, algorithm=ALGORITHM)
        return AccessToken(token, int(self._life.total_seconds()))

    def user_for_token(self, token: str) -> UserInfo | None:
        """Return whose bearer token this is, None unless it is valid now."""
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                options={"require": ["exp", "sub", "sid"]},
            )
        except jwt.InvalidTokenError:
            return None
        with self._database.read() as session:
            row = _valid_session(session, UserSession.id == str(claims["sid"]), utc_now())
        return _user_info(row[1]) if row is not None and row[1].id == claims["sub"] else None

    def _verified(self, email: str, password: str, client: str) -> User:
        address = email.strip().lower()[:254]
        keys = (self._by_client, client), (self._by_account, f"{client}\n{address}")
        for limiter, key in keys:
            limiter.take(key)
        with self._database.read() as session:
            user = session.exec(select(User).where(User.email == address)).first()
        if not self._passwords.fits(password, user.password_hash if user else None) or not user:
            raise NotSignedIn(WRONG, code="wrong_password")
        for limiter, key in keys:
            limiter.forget(key)
        return user

    def _new_owner(self, session: Session, email: str, password_hash: str | None) -> User:
        owner = User(email=email, is_owner=True, password_hash=password_hash)
        session.add(owner)
        session.flush()
        self._audit.write(session, "owner.created", user_id=owner.id)
        return owner

    def _new_session(self, session: Session, user: User, user_agent: str) -> SignedIn:
        now = utc_now()
        token = _new_token()
        session.exec(delete(UserSession).where(col(UserSession.expires_at) < now))
        row = UserSession(
            user_id=user.id,
            token_hash=_digest(token),
            expires_at=now + self._life,
            user_agent=user_agent[:200],
        )
        session.add(row)
        session.flush()
        return SignedIn(token, _session_info(row, user))

    def _seen(self, session_id: str, now: datetime) -> None:
        with self._database.write() as session:
            session.exec(
                update(UserSession)
                .where(col(UserSession.id) == session_id)
                .values(last_seen_at=now)
            )

    def _end(self, which: ColumnElement[bool] | bool, action: str) -> None:
        with self._database.write() as session:
            rows = session.exec(select(UserSession).where(which)).all()
            for row in rows:
                session.delete(row)
            if rows:
                self._audit.write(session, action, user_id=rows[0].user_id)
        for row in rows:
            self._events.publish(f"session:{row.id}", {"type": "session_ended"})


def _owner(session: Session) -> User | None:
    return session.exec(select(User).where(col(User.is_owner))).first()


def _user(session: Session, user_id: str) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise NotSignedIn("This account does not exist any more.")
    return user


def _valid_session(
    session: Session, which: ColumnElement[bool] | bool, now: datetime
) -> tuple[UserSession, User] | None:
    query = (
        select(UserSession, User)
        .join(User, col(User.id) == col(UserSession.user_id))
        .where(which, UserSession.expires_at > now)
    )
    return session.exec(query).first()


def _user_info(user: User) -> UserInfo:
    return UserInfo(user.id, user.email, user.name, user.is_owner, user.password_hash is not None)


def _session_info(row: UserSession, user: User) -> SessionInfo:
    return SessionInfo(row.id, _user_info(user), row.expires_at)


def _checked_email(email: str) -> str:
    address = email.strip().lower()
    if not _EMAIL.fullmatch(address):
        raise InvalidInput("This is not an email address.", field="email")
    return address


def _new_token() -> str:
    return secrets.token_urlsafe(32)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
