"""The audit log: who did what that matters later, such as consent, deletion and sign-ins."""

from sqlmodel import Session

from clone_studio.db import Database
from clone_studio.models import AuditEntry


class AuditService:
    """Writes audit entries, in the transaction of the act where there is one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(
        self,
        session: Session,
        action: str,
        *,
        user_id: str | None,
        subject: str = "",
        detail: str = "",
    ) -> None:
        """Add an entry to the caller's transaction: the act and its record stand or fall together.

        Args:
            session: The session of the act.
            action: Dotted name such as `persona.deleted`, at most 60 characters.
            user_id: Who acted, None when nobody is known.
            subject: What it was done to, cut at 200 characters.
            detail: One sentence without secrets, cut at 1000 characters.
        """
        session.add(
            AuditEntry(user_id=user_id, action=action, subject=subject[:200], detail=detail[:1000])
        )

    def note(
        self, action: str, *, user_id: str | None, subject: str = "", detail: str = ""
    ) -> None:
        """Write an entry in a transaction of its own, for acts that store nothing else."""
        with self._database.write() as session:
            self.write(session, action, user_id=user_id, subject=subject, detail=detail)
