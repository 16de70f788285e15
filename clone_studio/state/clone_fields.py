"""The fields of the clone form: as text in the browser, as values for the service."""

from dataclasses import dataclass
from typing import Any

from clone_studio.errors import InvalidInput
from clone_studio.services.persona_fields import checked_changes
from clone_studio.services.personas import PersonaInfo
from clone_studio.services.templates import DEFAULT
from clone_studio.state.clone_rows import avatar_parts, avatar_value

# The most characters that are kept of each field while it is being typed: a little more than
# is allowed, so that the check can say by how much a text is too long.
FIELDS: dict[str, int] = {
    "name": 120,
    "slug": 120,
    "letters": 12,
    "hue": 1,
    "purpose": 600,
    "description": 8000,
    "greeting": 2000,
    "questions": 4000,
    "no_answer_text": 2000,
    "language": 60,
    "model": 160,
    "temperature": 10,
    "max_tokens": 10,
    "passages": 10,
    "consent_statement": 1000,
    "template_name": 80,
}


@dataclass(frozen=True)
class CloneFields:
    """The form's fields as text; `questions` has one question per line."""

    name: str = ""
    slug: str = ""
    letters: str = ""
    hue: str = "0"
    purpose: str = ""
    description: str = ""
    greeting: str = ""
    questions: str = ""
    no_answer_text: str = ""
    language: str = ""
    model: str = ""
    temperature: str = "0.3"
    max_tokens: str = "1024"
    passages: str = "6"
    consent_statement: str = ""
    template_name: str = DEFAULT


def fields_of(persona: PersonaInfo) -> CloneFields:
    """Return the form's fields for a stored clone."""
    letters, hue = avatar_parts(persona.avatar, persona.name, persona.id)
    return CloneFields(
        name=persona.name,
        slug=persona.slug,
        letters=letters if persona.avatar.split("#")[0].strip() else "",
        hue=hue,
        purpose=persona.purpose,
        description=persona.description,
        greeting=persona.greeting,
        questions="\n".join(persona.example_questions),
        no_answer_text=persona.no_answer_text,
        language=persona.language,
        model=persona.model,
        temperature=f"{persona.temperature:g}",
        max_tokens=str(persona.max_tokens),
        passages=str(persona.retrieval.get("limit", CloneFields.passages)),
        consent_statement=persona.consent_statement,
        template_name=persona.template_name,
    )


def changes_of(fields: CloneFields, *, editing: bool) -> dict[str, Any]:
    """Return what the service is to store; a new clone's address comes from its name."""
    changes: dict[str, Any] = {
        "name": fields.name,
        "avatar": avatar_value(fields.letters, fields.hue),
        "purpose": fields.purpose,
        "description": fields.description,
        "greeting": fields.greeting,
        "example_questions": [line for line in fields.questions.splitlines() if line.strip()],
        "no_answer_text": fields.no_answer_text,
        "language": fields.language,
        "model": fields.model,
        "temperature": fields.temperature,
        "max_tokens": fields.max_tokens,
        "retrieval": {"limit": fields.passages},
        "consent_statement": fields.consent_statement,
    }
    # What a clone began with stays; its prompts have a page of their own.
    only = {"slug": fields.slug} if editing else {"template_name": fields.template_name}
    return {**changes, **only}


# Where the form shows the fault of a field of the service.
_SHOWN_AT = {"avatar": "letters", "example_questions": "questions", "retrieval": "passages"}


def faults_of(fields: CloneFields, *, editing: bool) -> dict[str, str]:
    """Return a sentence for every field that cannot be stored, by the form's field names."""
    faults: dict[str, str] = {}
    for field, value in changes_of(fields, editing=editing).items():
        try:
            checked_changes({field: value})
        except InvalidInput as error:
            faults[_SHOWN_AT.get(field, field)] = error.detail
    return faults
