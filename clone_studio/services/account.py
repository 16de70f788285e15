"""A user's own account as its settings page shows it: who they are and where they are signed in."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select

from clone_studio.db import Database, utc_now
from clone_studio.errors import NotFound, NotSignedIn
from clone_studio.models import User, UserSession
from clone_studio.services.audit import AuditService
from clone_studio.services.auth import UserInfo
from clone_studio.services.events import EventBus

SESSIONS_SHOWN = 50


@dataclass(frozen=True)
class SessionRow:
    """One place where the user is signed in."""

    id: str
    user_agent: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


class AccountService:
    """Reads an account and ends single sessions of it."""

    def __init__(self, database: Database, *, audit: AuditService, events: EventBus) -> None:
        self._database = database
        self._audit = audit
        self._events = events

    def user_for(self, user_id: str) -> UserInfo:
        """Return the account with this id.

        Raises:
            NotSignedIn: It does not exist any more.
        """
        with self._database.read() as session:
            user = session.get(User, user_id)
            if user is None:
                raise NotSignedIn("This account does not exist any more.")
            return UserInfo(
                user.id, user.email, user.name, user.is_owner, user.password_hash is not None
            )

    def sessions_for(self, user_id: str) -> list[SessionRow]:
        """Return where a user is signed in now, the most recently used first."""
        query = (
            select(UserSession)
            .where(UserSession.user_id == user_id, UserSession.expires_at > utc_now())
            .order_by(col(UserSession.last_seen_at).desc())
            .limit(SESSIONS_SHOWN)
        )
        with self._database.read() as session:
            return [
                SessionRow(row.id, row.user_agent, row.created_at, row.last_seen_at, row.expires_at)
                for row in session.exec(query)
            ]

    def end_session(self, user_id: str, session_id: str) -> None:
        """Sign a user out in one place.

        Raises:
            NotFound: No such session, or somebody else's.
        """
        with self._database.write() as session:
            row = session.get(UserSession, session_id, with_for_update=True)
            if row is None or row.user_id != user_id:
                raise NotFound("This session has already ended.")
            session.delete(row)
            self._audit.write(session, "sign_out.one", user_id=user_id)
        self._events.publish(f"session:{session_id}", {"type": "session_ended"})
