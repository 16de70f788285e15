"""People and how they sign in."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from clone_studio.models.base import key, moment


class User(SQLModel, table=True):
    """An account. The first one is the owner's."""

    __tablename__ = "users"

    id: str = key()
    email: str = Field(unique=True, max_length=254)
    name: str = Field(default="", max_length=120)
    password_hash: str | None = Field(default=None, max_length=255)
    is_owner: bool = False
    created_at: datetime = moment()


class UserSession(SQLModel, table=True):
    """A signed-in browser. Only the hash of its cookie is kept."""

    __tablename__ = "sessions"

    id: str = key()
    user_id: str = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    token_hash: str = Field(unique=True, max_length=64)
    created_at: datetime = moment()
    expires_at: datetime = moment()
    last_seen_at: datetime = moment()
    user_agent: str = Field(default="", max_length=200)


class SignInLink(SQLModel, table=True):
    """A link that signs its bearer in once. Only its hash is kept."""

    __tablename__ = "sign_in_links"

    id: str = key()
    token_hash: str = Field(unique=True, max_length=64)
    created_at: datetime = moment()
    expires_at: datetime = moment()
    used_at: datetime | None = moment(default_now=False)


class AuditEntry(SQLModel, table=True):
    """Who did what that matters later: consent, deletion, sign-ins."""

    __tablename__ = "audit_log"

    id: str = key()
    user_id: str | None = Field(default=None, max_length=36, index=True)
    action: str = Field(max_length=60)
    subject: str = Field(default="", max_length=200)
    detail: str = Field(default="", max_length=1000)
    created_at: datetime = moment(index=True)
