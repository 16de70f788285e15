"""Settings that the owner enters in the studio, and the settings that are in force.

The environment wins over what is stored, and that over the default. Secrets are stored
encrypted, and leave this module only inside a `SecretStr` or masked.
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from pydantic import SecretStr
from sqlalchemy import func
from sqlmodel import Session, select

from clone_studio.db import Database, utc_now
from clone_studio.errors import InvalidInput, NotFound
from clone_studio.models import StoredSetting, User
from clone_studio.services.audit import AuditService
from clone_studio.services.sealing import CannotOpen, seal, unseal
from clone_studio.settings import UNREADABLE, Settings, field_of, parsed

LONGEST_VALUE = 500
# A shorter secret is shown by none of its characters: four of eight would be half of it.
SHOWN_FROM = 16
SHORTEST_SECRET = 6
_NAMED_KEY = re.compile(r"[a-z]{2,3}[-_]")

Source = Literal["environment", "stored", "default"]


@dataclass(frozen=True)
class Definition:
    """A setting that can be entered in the studio, by the name of its environment variable."""

    name: str
    is_secret: bool = False


DEFINITIONS = (
    Definition("OPENAI_API_KEY", is_secret=True),
    Definition("OPENAI_BASE_URL"),
    Definition("STUDIO_LLM"),
    Definition("STUDIO_CHAT_MODEL"),
    Definition("STUDIO_EMBEDDINGS"),
    Definition("STUDIO_EMBEDDING_MODEL"),
    Definition("STUDIO_VECTORS"),
    Definition("PINECONE_API_KEY", is_secret=True),
    Definition("PINECONE_INDEX"),
    Definition("STUDIO_SPEECH"),
    Definition("ELEVENLABS_API_KEY", is_secret=True),
    Definition("ELEVENLABS_BASE_URL"),
    Definition("DEFAULT_VOICE_ID"),
    Definition("STUDIO_SPEECH_MODEL"),
)
_BY_NAME = {one.name: one for one in DEFINITIONS}


@dataclass(frozen=True)
class SettingInfo:
    """A setting as people and programs may see it.

    `shown` is the value in force, masked where it is a secret and empty where there is none;
    `choices` are the values it may have, empty for any; `problem` says why what is stored is
    not used.
    """

    name: str
    is_secret: bool
    source: Source
    shown: str
    choices: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class _Stored:
    """What the database holds, read once: values by name, and what is wrong with the others."""

    values: Mapping[str, Any] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)


class StoredSettings:
    """Reads and changes the settings entered in the studio. Blocking: call it from threads.

    Args:
        database: Where they are.
        given: The settings of the environment; the fields that it sets are not changed here.
        audit: Notes each change, without its value.
    """

    def __init__(self, database: Database, given: Settings, *, audit: AuditService) -> None:
        self._database = database
        self.given = given
        self._audit = audit
        self._lock = threading.Lock()
        self._stored: _Stored | None = None
        self._in_force = given
        self._seen: set[str] = set()
        self._version: tuple[object, ...] = ()
        self.revision = 0

    def in_force(self) -> Settings:
        """Return the settings that hold now."""
        self._read()
        return self._in_force

    def secrets(self) -> frozenset[str]:
        """Return every secret this process has used, so that logs can leave them out.

        One that was replaced is still among them: an answer may be running with it.
        """
        return frozenset(self._seen | _secrets_of(self.given))

    def problems(self) -> Mapping[str, str]:
        """Return why stored values are not used, by name; empty when all are."""
        return self._read().problems

    def require_owner(self, user_id: str) -> None:
        """Raise `NotFound` unless the user is the owner."""
        with self._database.read() as session:
            require_owner(session, user_id)

    def list_for(self, user_id: str) -> tuple[SettingInfo, ...]:
        """Return every setting that can be entered here, secrets masked.

        Raises:
            NotFound: The user is not the owner.
        """
        self.require_owner(user_id)
        return tuple(self._info(one) for one in DEFINITIONS)

    def tried(self, user_id: str, typed: Mapping[str, str | None]) -> Settings:
        """Return the settings as they would be with `typed`; nothing is stored.

        Raises:
            NotFound: The user is not the owner.
            InvalidInput: A value cannot be used; `field` is the setting's name.
        """
        self.require_owner(user_id)
        values = {**self._read().values, **self._checked(typed)}
        return self.given.model_copy(update=_by_field(values))

    def change(self, user_id: str, changes: Mapping[str, str | None]) -> None:
        """Store settings; None or an empty value removes one. All of them, or none.

        Raises:
            NotFound: The user is not the owner.
            InvalidInput: A value cannot be used; `field` is the setting's name.
        """
        self.require_owner(user_id)
        stored = self._read()
        checked = {
            name: value
            for name, value in self._checked(changes).items()
            if name in stored.problems or value != stored.values.get(name)
        }
        if not checked:
            return
        with self._database.write() as session:
            self._database.take_turn(session, "settings")
            for name, value in checked.items():
                self._store(session, user_id, name, value)
        self._forget()

    def refresh(self) -> bool:
        """Read again what another process may have changed; say whether it differs."""
        before = self._read()
        with self._database.read() as session:
            version = _version(session)
        if version == self._version:
            return False
        self._forget()
        return self._read() != before

    def _forget(self) -> None:
        with self._lock:
            self._stored = None
            self.revision += 1
        self._read()

    def _store(self, session: Session, user_id: str, name: str, value: Any) -> None:
        row = session.get(StoredSetting, name)
        if value is None:
            if row is not None:
                session.delete(row)
                self._audit.write(session, "setting.removed", user_id=user_id, subject=name)
            return
        secret = isinstance(value, SecretStr)
        text = seal(value.get_secret_value(), self.given) if secret else str(value)
        row = row or StoredSetting(name=name, value="")
        row.value, row.is_secret = text, secret
        row.updated_by, row.updated_at = user_id, utc_now()
        session.add(row)
        self._audit.write(session, "setting.changed", user_id=user_id, subject=name)

    def _checked(self, changes: Mapping[str, str | None]) -> dict[str, Any]:
        """Return the parsed values by name, None where there is to be none."""
        return {name: self._checked_value(name, value) for name, value in changes.items()}

    def _checked_value(self, name: str, value: str | None) -> Any:
        if name not in _BY_NAME:
            raise InvalidInput(
                f"{name[:60]} cannot be set in the studio. Set it in the environment.",
                field=name[:60],
            )
        if self.is_given(name):
            raise InvalidInput(
                f"{name} is set by the environment, which wins. Change it there.", field=name
            )
        text = (value or "").strip()
        if not text:
            return None
        if len(text) > LONGEST_VALUE or not text.isprintable():
            raise InvalidInput(
                f"{name} may have at most {LONGEST_VALUE} characters, in one line.", field=name
            )
        try:
            made = parsed(name, text)
        except ValueError as error:
            raise InvalidInput(f"{name} cannot be used: {error}.", field=name) from None
        self._refuse_credentials(name, made)
        # What is stored would outlive a better default of a later version.
        return None if made == Settings.model_fields[field_of(name)].default else made

    def _refuse_credentials(self, name: str, value: object) -> None:
        """An address is stored and shown in clear, so no password may hide in it."""
        if name.endswith("_URL") and "@" in str(value):
            raise InvalidInput(
                f"{name} is stored and shown in clear: leave user name and password out of the "
                "address. Where a server needs them, set it in the environment.",
                field=name,
            )

    def is_given(self, name: str) -> bool:
        """Say whether the environment sets it, so that it is not changed here."""
        return field_of(name) in self.given.model_fields_set

    def _info(self, definition: Definition) -> SettingInfo:
        name, stored = definition.name, self._read()
        value = getattr(self._in_force, field_of(name))
        source: Source = "environment" if self.is_given(name) else "default"
        if source == "default" and (name in stored.values or name in stored.problems):
            source = "stored"
        return SettingInfo(
            name=name,
            is_secret=definition.is_secret,
            source=source,
            shown=_shown(value),
            choices=_choices(name),
            problem=stored.problems.get(name, "") if source == "stored" else "",
        )

    def _read(self) -> _Stored:
        with self._lock:
            if self._stored is None:
                with self._database.read() as session:
                    rows = session.exec(select(StoredSetting)).all()
                    self._version = _version(session)
                self._stored = self._parsed(rows)
                self._in_force = self.given.model_copy(update=_by_field(self._stored.values))
                self._seen |= _secrets_of(self._in_force)
            return self._stored

    def _parsed(self, rows: Any) -> _Stored:
        values: dict[str, Any] = {}
        problems: dict[str, str] = {}
        for row in rows:
            if row.name not in _BY_NAME or self.is_given(row.name):
                continue
            try:
                text = unseal(row.value, self.given) if row.is_secret else row.value
                values[row.name] = parsed(row.name, text)
            except CannotOpen:
                problems[row.name] = unreadable(row.name)
                values[row.name] = UNREADABLE
            except ValueError as error:
                problems[row.name] = f"What is stored for {row.name} cannot be used: {error}."
        return _Stored(values, problems)


def _version(session: Session) -> tuple[object, ...]:
    """Return what changes with every change of a stored setting."""
    query = select(func.count(), func.max(StoredSetting.updated_at)).select_from(StoredSetting)
    return tuple(session.exec(query).one())


def unreadable(name: str) -> str:
    """Return the sentence about a stored secret that cannot be decrypted."""
    return (
        f"The stored {name} cannot be read, because the studio's secret key has changed. "
        "Enter it again in Settings."
    )


def masked(secret: str) -> str:
    """Return a secret by its last four characters, and by its beginning where that is a kind."""
    if len(secret) < SHOWN_FROM:
        return "…"
    kind = _NAMED_KEY.match(secret)
    return f"{kind[0] if kind else ''}…{secret[-4:]}"


def _shown(value: object) -> str:
    if value is None or value == UNREADABLE:
        return ""
    if isinstance(value, SecretStr):
        return masked(value.get_secret_value())
    # The environment may hold an address with a password in it.
    return re.sub(r"//[^/@]*@", "//…@", str(value))


def _choices(name: str) -> tuple[str, ...]:
    annotation = Settings.model_fields[field_of(name)].annotation
    return tuple(str(one) for one in get_args(annotation) if isinstance(one, str))


def _by_field(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by field; one that is to be removed has its default."""
    return {
        field_of(name): Settings.model_fields[field_of(name)].default if value is None else value
        for name, value in values.items()
    }


def _secrets_of(settings: Settings) -> set[str]:
    values = (getattr(settings, name) for name in Settings.model_fields)
    texts = (one.get_secret_value() for one in values if isinstance(one, SecretStr))
    return {text for text in texts if len(text) >= SHORTEST_SECRET}


def require_owner(session: Session, user_id: str) -> None:
    """Raise `NotFound` unless the user is the owner."""
    user = session.get(User, user_id)
    if user is None or not user.is_owner:
        raise NotFound("There is nothing at this address.")
