"""What a user has typed into a prompt and not saved: kept on the server, for each user apart."""

from sqlmodel import Session

from clone_studio.db import Database, utc_now
from clone_studio.models import Persona, PromptDraft, PromptVersion
from clone_studio.services import prompt_chain as chain
from clone_studio.services.personas import persona_row
from clone_studio.services.prompt_rows import DraftInfo, draft_info, version_info
from clone_studio.services.prompt_texts import checked_place, plain_text
from clone_studio.services.prompts import MAIN


class PromptDraftService:
    """Keeps drafts. A draft may be wrong in any way: it is checked when it is saved."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get_for(self, user_id: str, ref: str, layer: str, name: str = MAIN) -> DraftInfo | None:
        """Return the user's draft of one prompt, None without one.

        Raises:
            NotFound: No such clone here, or no such layer.
        """
        place = checked_place(layer, name)
        with self._database.read() as session:
            persona = persona_row(session, user_id, ref)
            row = chain.draft(session, user_id, persona.id, place)
            return _info(session, persona, place, row) if row else None

    def keep(
        self,
        user_id: str,
        ref: str,
        layer: str,
        name: str,
        content: str,
        base_version_id: str | None = None,
    ) -> DraftInfo | None:
        """Keep what was typed; a text equal to the version it began from is no draft.

        Args:
            user_id: Whose draft.
            ref: Slug or UUID of the clone.
            layer: system, rag or user.
            name: The prompt's name in its layer.
            content: The text as it is now.
            base_version_id: The version it began from; None leaves it as it was, and takes
                the newest one for a new draft.

        Raises:
            NotFound: No such clone or layer, or the version is not one of this prompt.
            InvalidInput: Too long, or characters that cannot be stored.
        """
        place, text = checked_place(layer, name), plain_text(content)
        with self._database.write() as session:
            # Two tabs of one user may begin the draft at once.
            persona = persona_row(session, user_id, ref, lock=True)
            row = chain.draft(session, user_id, persona.id, place)
            base = self._base(session, persona, place, row, base_version_id)
            if base is not None and base.content == text:
                chain.drop_draft(session, user_id, persona.id, place)
                return None
            if row is None:
                row = PromptDraft(
                    user_id=user_id,
                    persona_id=persona.id,
                    layer=place[0],
                    name=place[1],
                    content=text,
                )
                session.add(row)
            row.content, row.updated_at = text, utc_now()
            row.base_version_id = base.id if base else None
            session.flush()
            return _info(session, persona, place, row)

    def discard(self, user_id: str, ref: str, layer: str, name: str = MAIN) -> None:
        """Throw the user's draft away; without one nothing happens.

        Raises:
            NotFound: No such clone here, or no such layer.
        """
        place = checked_place(layer, name)
        with self._database.write() as session:
            persona = persona_row(session, user_id, ref)
            chain.drop_draft(session, user_id, persona.id, place)

    def _base(
        self,
        session: Session,
        persona: Persona,
        place: chain.Place,
        draft: PromptDraft | None,
        version_id: str | None,
    ) -> PromptVersion | None:
        if version_id:
            return chain.row_at(session, persona, place, version_id)
        if draft is not None and draft.base_version_id:
            return chain.row_at(session, persona, place, draft.base_version_id)
        return chain.newest(session, persona.id, place)


def _info(session: Session, persona: Persona, place: chain.Place, row: PromptDraft) -> DraftInfo:
    newest = chain.newest(session, persona.id, place)
    return draft_info(row, version_info(session, newest) if newest else None)
