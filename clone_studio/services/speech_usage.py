"""How many characters each clone has spoken. Audio played again from the cache costs nothing."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import col, select

from clone_studio.db import Database, utc_now
from clone_studio.models import SpeechUsage
from clone_studio.services.personas import persona_row


@dataclass(frozen=True)
class Spoken:
    """Characters that a clone has spoken: since midnight and since the first of the month, UTC."""

    today: int
    month: int


class SpeechUsageService:
    """Counts what was spoken.

    Args:
        database: Where it is kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(
        self, persona_id: str, characters: int, *, engine: str, model: str, voice_id: str
    ) -> None:
        """Write down that a text was turned into audio."""
        row = SpeechUsage(
            persona_id=persona_id,
            engine=engine,
            model=model[:80],
            voice_id=voice_id[:80],
            characters=characters,
        )
        await asyncio.to_thread(self._add, row)

    def _add(self, row: SpeechUsage) -> None:
        with self._database.write() as session:
            session.add(row)

    def of(self, user_id: str, ref: str) -> Spoken:
        """Return what a clone of this user has spoken. Blocking.

        Raises:
            NotFound: There is no such clone of this user.
        """
        midnight = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
        first = midnight - timedelta(days=midnight.day - 1)
        with self._database.read() as session:
            persona_id = persona_row(session, user_id, ref).id

            def since(moment: datetime) -> int:
                total = select(func.coalesce(func.sum(SpeechUsage.characters), 0)).where(
                    SpeechUsage.persona_id == persona_id, col(SpeechUsage.created_at) >= moment
                )
                return int(session.exec(total).one())

            return Spoken(today=since(midnight), month=since(first))
