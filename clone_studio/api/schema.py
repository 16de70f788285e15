"""The JSON shapes of the API: camelCase out, camelCase or snake_case in, extra fields ignored."""

from datetime import datetime
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Shape(BaseModel):
    """Base of every request and answer body."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", from_attributes=True
    )


class FieldError(Shape):
    """What is wrong with one field of a request."""

    field: str
    detail: str


class Problem(Shape):
    """An error as RFC 9457 describes it, with a machine name in `code`."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    retryable: bool = False
    errors: list[FieldError] | None = None


class SignIn(Shape):
    """Email and password."""

    email: str = Field(max_length=254)
    password: str = Field(max_length=1000)


class Token(Shape):
    """A bearer token; `expiresIn` is in seconds."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 the name of a scheme, no secret
    expires_in: int


class Me(Shape):
    """The account that is signed in."""

    id: str
    email: str
    name: str
    is_owner: bool
    has_password: bool


class NewPassword(Shape):
    """The present password (not needed for the first one) and the new one."""

    current: str = Field("", max_length=1000)
    new: str = Field(max_length=1000)


class Success(Shape):
    """That something was done."""

    success: bool = True


class PersonaChanges(Shape):
    """Fields of a clone to change; what is left out stays. The service checks the bounds."""

    name: str | None = None
    slug: str | None = None
    avatar: str | None = None
    purpose: str | None = None
    description: str | None = None
    greeting: str | None = None
    example_questions: list[str] | None = None
    no_answer_text: str | None = None
    language: str | None = None
    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    retrieval: dict[str, Any] | None = None
    voice_id: str | None = None
    voice_name: str | None = None
    voice_settings: dict[str, Any] | None = None
    consent_statement: str | None = None

    def given(self) -> dict[str, Any]:
        """Return the fields that the request holds; a null means "leave it as it is"."""
        return self.model_dump(exclude_none=True)


class NewPersona(PersonaChanges):
    """A clone to make: only the name is needed. `template` is another word for `templateName`."""

    name: str
    template_name: str | None = Field(
        None,
        max_length=80,
        validation_alias=AliasChoices("templateName", "template_name", "template"),
    )


class Persona(Shape):
    """A clone; `files` and `chunks` are counts."""

    id: str
    slug: str
    name: str
    avatar: str
    purpose: str
    description: str
    greeting: str
    example_questions: list[str]
    no_answer_text: str
    language: str
    model: str
    temperature: float
    max_tokens: int
    retrieval: dict[str, Any]
    voice_id: str
    voice_name: str
    voice_settings: dict[str, Any]
    template_name: str
    template_version: str
    consent_statement: str
    consent_at: datetime | None
    is_sample: bool
    last_used_at: datetime | None
    created_at: datetime
    updated_at: datetime
    files: int
    chunks: int


class Personas(Shape):
    """All clones of the account."""

    personas: list[Persona]


class Deleted(Shape):
    """What went with a clone, as counts."""

    success: bool = True
    files: int
    chunks: int
    threads: int
    messages: int


class PersonaSettings(Shape):
    """How a clone answers."""

    voice_id: str | None = Field(None, max_length=200)
    default_model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None


class SettingsAnswer(Shape):
    """The settings in force after a change."""

    settings: PersonaSettings


class SearchQuery(Shape):
    """A question for the search, and how many passages to return."""

    query: str = Field(min_length=1, max_length=2000)
    k: int = Field(6, ge=1, le=50)


class SearchResult(Shape):
    """A passage that was found; `start` and `end` count characters of its page's text."""

    chunk_id: str
    file_id: str
    file: str
    page: int
    start: int
    end: int
    text: str
    score: float
    ranks: dict[str, int | None]


class SearchResults(Shape):
    """Passages, best first."""

    results: list[SearchResult]


class PartHealth(Shape):
    """How one part of the studio is; `fix` says what to do when it is not well."""

    name: str
    status: str
    detail: str
    fix: str


class HealthAnswer(Shape):
    """How the studio is."""

    status: str
    version: str
    service: str = "clone-studio"
    parts: list[PartHealth]
