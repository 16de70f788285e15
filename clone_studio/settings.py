"""Every setting of the studio, read once from the environment and `.env`.

A value left empty counts as not given, because shells and compose files pass unset
variables on as empty strings and the vendors' SDKs take an empty URL literally.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from clone_studio import PROJECT_ROOT

MEBIBYTE = 1024 * 1024
OPENAI_PLACE = "api.openai.com"
ELEVENLABS_PLACE = "api.elevenlabs.io"
PINECONE_PLACE = "api.pinecone.io"
REDIS_PORT = 6379
# Stands for a stored key that cannot be decrypted. No key holds such a character, so it is
# never taken for one.
UNREADABLE = SecretStr("\0")


class Settings(BaseSettings):
    """Settings by field name; the environment variable is the field's alias.

    Sizes are in bytes or mebibytes and times in seconds, as each name says.
    """

    model_config = SettingsConfigDict(
        env_file=PROJECT_ROOT / ".env",
        env_ignore_empty=True,
        extra="ignore",
        populate_by_name=True,
    )

    host: str = Field("127.0.0.1", alias="STUDIO_HOST")
    port: int = Field(3000, alias="STUDIO_PORT", ge=1, le=65535)
    data_dir: Path = Field(PROJECT_ROOT / ".data", alias="STUDIO_DATA_DIR")
    public_url: str | None = Field(None, alias="STUDIO_PUBLIC_URL")
    secret_key: SecretStr | None = Field(None, alias="STUDIO_SECRET_KEY", min_length=32)
    owner_email: str | None = Field(None, alias="STUDIO_OWNER_EMAIL")
    owner_password: SecretStr | None = Field(None, alias="STUDIO_OWNER_PASSWORD")
    session_hours: int = Field(24, alias="STUDIO_SESSION_HOURS", ge=1, le=24 * 90)

    database_address: SecretStr | None = Field(None, alias="DATABASE_URL")
    redis_url: SecretStr | None = Field(None, alias="REDIS_URL")
    # After the stores: its check reads them.
    workers: int = Field(1, alias="STUDIO_WORKERS", ge=1, le=32)
    vectors: Literal["auto", "database", "pinecone"] = Field("auto", alias="STUDIO_VECTORS")
    pinecone_api_key: SecretStr | None = Field(None, alias="PINECONE_API_KEY")
    pinecone_index: str | None = Field(None, alias="PINECONE_INDEX", max_length=45)
    pinecone_host: str | None = Field(None, alias="PINECONE_HOST")

    openai_api_key: SecretStr | None = Field(None, alias="OPENAI_API_KEY")
    openai_base_url: str | None = Field(None, alias="OPENAI_BASE_URL")
    llm: Literal["auto", "openai", "local", "quotes"] = Field("auto", alias="STUDIO_LLM")
    chat_model: str = Field("gpt-6-luna", alias="STUDIO_CHAT_MODEL")
    embeddings: Literal["auto", "openai", "local"] = Field("auto", alias="STUDIO_EMBEDDINGS")
    embedding_model: str = Field("text-embedding-3-small", alias="STUDIO_EMBEDDING_MODEL")
    models_dir: Path | None = Field(None, alias="STUDIO_MODELS_DIR")
    llm_timeout_seconds: float = Field(60.0, alias="STUDIO_LLM_TIMEOUT_SECONDS", gt=0)

    speech: Literal["auto", "elevenlabs", "local", "off"] = Field("auto", alias="STUDIO_SPEECH")
    elevenlabs_api_key: SecretStr | None = Field(None, alias="ELEVENLABS_API_KEY")
    elevenlabs_base_url: str | None = Field(None, alias="ELEVENLABS_BASE_URL")
    default_voice_id: str = Field("EXAVITQu4vr4xnSDxMaL", alias="DEFAULT_VOICE_ID", max_length=80)
    speech_model: str = Field("eleven_flash_v2_5", alias="STUDIO_SPEECH_MODEL", max_length=80)
    speech_timeout_seconds: float = Field(30.0, alias="STUDIO_SPEECH_TIMEOUT_SECONDS", gt=0)
    speech_concurrency: int = Field(3, alias="STUDIO_SPEECH_CONCURRENCY", ge=1, le=50)

    max_file_mb: int = Field(50, alias="STUDIO_MAX_FILE_MB", ge=1, le=2048)
    max_ingest_seconds: int = Field(300, alias="STUDIO_MAX_INGEST_SECONDS", ge=10)
    max_question_chars: int = Field(20_000, alias="STUDIO_MAX_QUESTION_CHARS", ge=100)
    ingest_workers: int = Field(2, alias="STUDIO_INGEST_WORKERS", ge=0, le=16)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", alias="STUDIO_LOG_LEVEL"
    )

    @field_validator(
        "openai_api_key",
        "elevenlabs_api_key",
        "pinecone_api_key",
        "secret_key",
        "owner_password",
        "database_address",
        "redis_url",
        mode="before",
    )
    @classmethod
    def _strip_secret(cls, value: object) -> object:
        """Drop the newline a pasted or file-mounted key often ends with: vendors refuse it."""
        return value.strip() or None if isinstance(value, str) else value

    @field_validator("openai_api_key", "elevenlabs_api_key", "pinecone_api_key")
    @classmethod
    def _sendable_key(cls, value: SecretStr | None) -> SecretStr | None:
        """Refuse what cannot stand in a header: the error of the HTTP library would repeat it."""
        if value is not None and not re.fullmatch(r"[!-~]{1,500}", value.get_secret_value()):
            raise ValueError(
                "a key is one word of letters, digits and signs; copy it again, whole and alone"
            )
        return value

    @field_validator("openai_base_url", "elevenlabs_base_url", "pinecone_host", mode="before")
    @classmethod
    def _web_address(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        address = value.strip()
        if address and not _is_web_address(address):
            raise ValueError(
                "an address begins with http:// or https:// and a host, "
                "such as http://127.0.0.1:11434"
            )
        return address or None

    @field_validator("database_address")
    @classmethod
    def _usable_database(cls, value: SecretStr | None) -> SecretStr | None:
        """Refuse what is no address of a database, with a sentence that does not repeat it."""
        if value is not None:
            # Needs SQLAlchemy, which takes its time to import, and most studios have no address.
            from clone_studio.database_url import database_url

            database_url(value.get_secret_value())
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _is_redis_address(value.get_secret_value()):
            raise ValueError(
                "an address of Redis begins with redis://, rediss:// or unix://, such as "
                "redis://127.0.0.1:6379/0"
            )
        return value

    @field_validator("workers")
    @classmethod
    def _several_share_stores(cls, value: int, info: ValidationInfo) -> int:
        if value == 1:
            return value
        from clone_studio.database_url import is_postgres

        database = info.data.get("database_address")
        is_shared = database is not None and is_postgres(database.get_secret_value())
        if not is_shared or info.data.get("redis_url") is None:
            raise ValueError(
                "several web processes share what they know by PostgreSQL and Redis; "
                "set DATABASE_URL and REDIS_URL, or leave it at 1"
            )
        return value

    @property
    def database_url(self) -> str:
        """URL of the studio's database, in whatever form it was given."""
        if self.database_address is not None:
            return self.database_address.get_secret_value()
        return f"sqlite:///{self.data_dir / 'studio.db'}"

    @property
    def local_models_dir(self) -> Path:
        """Folder that holds the local models, one sub-folder per model."""
        return self.models_dir or self.data_dir / "models"

    @property
    def base_url(self) -> str:
        """Address a browser on this machine opens the studio at, without a trailing slash."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104
        return f"http://{host}:{self.port}"

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """Origins whose pages may call the studio: its own address, by each name it has here."""
        local = self.host in {"127.0.0.1", "localhost", "::1", "0.0.0.0", "::"}  # noqa: S104
        names = ("127.0.0.1", "localhost", "[::1]") if local else ()
        own = (f"http://{name}:{self.port}" for name in names)
        return tuple(dict.fromkeys((self.base_url, *own)))

    @property
    def redis_place(self) -> str:
        """Host and port of Redis, for people: no user, no password; empty without one."""
        address = self.redis_url.get_secret_value() if self.redis_url else ""
        if address.startswith("unix://"):
            return "a socket of this machine"
        host = _host_of(address)
        return f"{host}:{REDIS_PORT}" if host and urlsplit(address).port is None else host

    @property
    def openai_place(self) -> str:
        """Host (and port) of the OpenAI-protocol server, for people: no path, no credentials."""
        return _host_of(self.openai_base_url) or OPENAI_PLACE

    @property
    def elevenlabs_place(self) -> str:
        """Host (and port) of ElevenLabs' server, for people: no path, no credentials."""
        return _host_of(self.elevenlabs_base_url) or ELEVENLABS_PLACE

    @property
    def pinecone_place(self) -> str:
        """Host (and port) of Pinecone's control plane, for people: no path, no credentials."""
        return _host_of(self.pinecone_host) or PINECONE_PLACE

    @property
    def max_file_bytes(self) -> int:
        """Largest upload accepted, in bytes."""
        return self.max_file_mb * MEBIBYTE

    @property
    def uses_openai_llm(self) -> bool:
        """Whether answers come from an OpenAI-protocol server rather than from this machine."""
        return self.llm == "openai" or (
            self.llm == "auto" and bool(self.openai_api_key or self.openai_base_url)
        )

    @property
    def uses_openai_embeddings(self) -> bool:
        """Whether vectors come from an OpenAI-protocol server rather than the local model."""
        return self.embeddings == "openai" or (
            self.embeddings == "auto" and bool(self.openai_api_key)
        )

    @property
    def uses_pinecone(self) -> bool:
        """Whether vectors are kept at Pinecone rather than in the studio's database."""
        return self.vectors == "pinecone" or (
            self.vectors == "auto" and self.pinecone_api_key is not None
        )

    @property
    def uses_elevenlabs(self) -> bool:
        """Whether ElevenLabs speaks rather than the model on this machine."""
        return self.speech == "elevenlabs" or (
            self.speech == "auto" and self.elevenlabs_api_key is not None
        )


def _host_of(address: str | None) -> str:
    parts = urlsplit(address or "")
    host = parts.hostname or ""
    return f"{host}:{parts.port}" if parts.port else host


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        # Reading the port raises on one that is no number.
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port != 0)
    except ValueError:
        return False


def _is_redis_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        if parts.scheme == "unix":
            return bool(parts.path)
        # Reading the port raises on one that is no number.
        return parts.scheme in {"redis", "rediss"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def field_of(name: str) -> str:
    """Return the name of the field that the environment variable `name` sets."""
    return next(field for field, info in Settings.model_fields.items() if info.alias == name)


def parsed(name: str, value: str) -> Any:
    """Return `value` as the field of the setting `name` takes it.

    Raises:
        ValueError: With the reason, without the value: it could be a secret.
    """
    given: dict[str, Any] = {name: value}
    try:
        return getattr(Settings(_env_file=None, **given), field_of(name))
    except ValidationError as error:
        raise ValueError(first_fault(error)[1]) from None


def first_fault(error: ValidationError) -> tuple[str, str]:
    """Return the name and the reason of the first setting that is wrong, without its value."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    return name, first["msg"].removeprefix("Value error, ").removeprefix(f"{name}: ")


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the process-wide settings, read on the first call."""
    return Settings()


def settings_or_exit() -> Settings:
    """Return the settings, or end the program with one line about the first that is wrong.

    The line never repeats the value: it could be a secret.
    """
    try:
        return get_settings()
    except ValidationError as error:
        name, reason = first_fault(error)
        raise SystemExit(f"studio: {name}: {reason} (docs/settings.md)") from None
