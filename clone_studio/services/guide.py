"""The sample clone: the Studio Guide, which knows the studio's own user documentation."""

import hashlib
import logging
import threading
from pathlib import Path

from sqlmodel import col, select

from clone_studio import PROJECT_ROOT
from clone_studio.db import Database
from clone_studio.errors import AlreadyThere, StudioError
from clone_studio.models import AuditEntry, Persona, StoredFile, User
from clone_studio.services.audit import AuditService
from clone_studio.services.files import FileService
from clone_studio.services.personas import PersonaService

GUIDE_DIR = PROJECT_ROOT / "docs" / "guide"
MADE = "guide.created"
GUIDE_TAG = "guide"
FIELDS = {
    "name": "Studio Guide",
    "slug": "studio-guide",
    "purpose": "Knows how to use Clone Studio.",
    "description": (
        "The sample clone. Its knowledge is the studio's own documentation, so it can tell you "
        "how to make a clone of your own."
    ),
    "greeting": "Hello. Ask me how something works in Clone Studio.",
    "example_questions": [
        "How do I upload a document?",
        "How do I create my first clone?",
        "Why was my file not read?",
        "How do citations work?",
    ],
    "no_answer_text": (
        "The guide does not say anything about that. Try other words, or look at the pages "
        "under Files to see what I know."
    ),
}

logger = logging.getLogger(__name__)


class GuideService:
    """Makes the sample clone once and keeps its knowledge equal to the documentation.

    Args:
        database: Where to look who the owner is.
        personas: Makes the clone.
        files: Takes the pages of the documentation.
        audit: Remembers that the sample was made: one that was deleted does not come back.
        folder: The documentation, `*.md`.
    """

    def __init__(
        self,
        database: Database,
        *,
        personas: PersonaService,
        files: FileService,
        audit: AuditService,
        folder: Path = GUIDE_DIR,
    ) -> None:
        self._database = database
        self._personas = personas
        self._files = files
        self._audit = audit
        self._folder = folder
        # Two sign-ins at once must not make two samples, nor two processes that start.
        self._lock = threading.Lock()

    def ensure(self) -> None:
        """Make the sample for the owner, once, and bring its knowledge up to date.

        Without an owner nothing happens. Pages that did not change are left alone, changed
        ones are read again, and those that are gone from the documentation are removed; what
        the user added stays. The studio is useful without its sample: when it cannot be made
        the log says why.
        """
        with self._lock, self._database.alone("guide") as is_alone:
            owner_id = self._owner_id()
            if owner_id is None or not is_alone:
                return
            try:
                persona_id = self._sample_id(owner_id) or self._made(owner_id)
                if persona_id is not None:
                    self._bring_up_to_date(owner_id, persona_id)
            except StudioError as error:
                logger.warning("The guide could not be brought up to date: %s", error.detail)

    def _owner_id(self) -> str | None:
        with self._database.read() as session:
            return session.exec(select(User.id).where(col(User.is_owner))).first()

    def _sample_id(self, owner_id: str) -> str | None:
        query = select(Persona.id).where(Persona.user_id == owner_id, col(Persona.is_sample))
        with self._database.read() as session:
            return session.exec(query).first()

    def _made(self, owner_id: str) -> str | None:
        with self._database.read() as session:
            before = session.exec(select(AuditEntry.id).where(AuditEntry.action == MADE)).first()
        if before is not None:
            return None
        persona = self._personas.create(owner_id, FIELDS, is_sample=True)
        self._audit.note(MADE, user_id=owner_id, subject=persona.id)
        return persona.id

    def _bring_up_to_date(self, owner_id: str, persona_id: str) -> None:
        pages = {path.name: path.read_text(encoding="utf-8") for path in self._pages()}
        wanted = {_digest(text): name for name, text in pages.items()}
        with self._database.read() as session:
            query = select(StoredFile).where(StoredFile.persona_id == persona_id)
            stored = session.exec(query).all()
        there = {row.sha256 for row in stored}
        for digest, name in wanted.items():
            if digest not in there:
                self._add(persona_id, name, pages[name])
        for row in stored:
            # Only what came from the documentation is removed: its pages carry the tag.
            if GUIDE_TAG in row.tags and row.sha256 not in wanted:
                self._files.delete(owner_id, row.id)

    def _add(self, persona_id: str, name: str, text: str) -> None:
        try:
            info = self._files.add_text(persona_id, name, text)
        except AlreadyThere:
            return
        except StudioError as error:
            logger.warning("Guide page %s was not taken: %s", name, error.detail)
            return
        with self._database.write() as session:
            row = session.get(StoredFile, info.id, with_for_update=True)
            if row is not None:
                row.tags = [*row.tags, GUIDE_TAG]

    def _pages(self) -> list[Path]:
        return sorted(self._folder.glob("*.md"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
