"""Another embedding model: its vectors are made in the shadow, then the clone changes over.

The clone's row (`EmbeddingUse`) says what its questions are searched by. Beginning anew, going
back and going on after a crash are one thing: `begin` compares every clone with the chosen
embedder and queues what is lacking.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from clone_studio.db import Database, utc_now
from clone_studio.errors import InvalidInput, ProviderError, StudioError
from clone_studio.models import EmbeddingUse, Job, Persona, StoredFile
from clone_studio.providers.embeddings.protocol import Embedder
from clone_studio.providers.search.protocol import SearchIndex
from clone_studio.services.jobs import ALL, TEND, JobLost, JobQueue, RunningJob, Work
from clone_studio.services.knowledge import uses
from clone_studio.services.knowledge.embedders import EmbedderRef, EmbedderSource, ref_of
from clone_studio.services.switching import held_embedder

logger = logging.getLogger(__name__)

FORGET_BATCH = 500


@dataclass(frozen=True)
class CloneRebuild:
    """How far the vectors of another model are, in passages, for one clone.

    `old` answers until then; `problem` says why it cannot, and `error` why the building stands
    still, both empty when all is well.
    """

    persona_id: str
    user_id: str
    name: str
    old: str
    new: str
    done: int
    total: int
    started_at: datetime
    error: str
    problem: str


class Rebuild:
    """Builds the vectors of the chosen embedder beside those that are searched.

    Args:
        database: Where the rows are.
        index: Holds the vectors.
        jobs: Takes the work; `register` makes the deletion of old vectors known there.
        embedder: The chosen one.
        source: Knows what embedders are made of.
    """

    def __init__(
        self,
        database: Database,
        *,
        index: SearchIndex,
        jobs: JobQueue,
        embedder: Embedder,
        source: EmbedderSource,
    ) -> None:
        self._database = database
        self._index = index
        self._jobs = jobs
        self._embedder = embedder
        self._source = source

    def register(self) -> None:
        """Have old vectors deleted here."""
        self._jobs.register("forget", Work(self.forget, self._keep_forgotten))

    def require_fit(self, embedder: Embedder) -> None:
        """Make sure that the vectors of `embedder` can be kept where vectors are kept.

        Raises:
            InvalidInput: They have another length than the index there.
            ProviderError: Index or embedder do not tell their length.
        """
        kept = self._index.only_dimension()
        if kept is not None and kept != embedder.dimension:
            raise InvalidInput(
                f"{embedder.model} makes vectors of {embedder.dimension:,} numbers, and the index "
                f"that keeps the vectors takes {kept:,}. Choose another embedding model, or "
                "another index.",
                field="STUDIO_EMBEDDING_MODEL",
            )

    def begin(self) -> int:
        """Queue what lacks vectors of the chosen embedder; returns how many files.

        Needed at start and after each change of the embedder, and to try again: files that
        failed are tried at once. Clones that have vectors of another model stay with it until
        the new ones are complete.
        """
        with held_embedder(self._embedder) as embedder:
            refusal = self._refusal(embedder)
            chosen = EmbedderRef(embedder.model, self._source.origin())
        with self._database.write() as session:
            clones = session.exec(
                select(Persona.id).order_by(col(Persona.id)).with_for_update(key_share=True)
            ).all()
            lacking = self._lacking(session, chosen.model) if refusal is None else {}
            for persona_id in clones:
                use = self._adopted(session, persona_id, chosen)
                if use is not None:
                    _aim(use, chosen, refusal)
                    session.add(use)
                    self._tidy(session, use)
                self._queue(session, use, chosen.model, lacking.get(persona_id, ()))
                session.flush()
                uses.switch_if_complete(session, self._index, self._jobs, use)
            self._jobs.hurry(session, "embed")
            return sum(len(files) for files in lacking.values())

    def _refusal(self, embedder: Embedder) -> str | None:
        try:
            self.require_fit(embedder)
        except InvalidInput as error:
            return error.detail
        except ProviderError as error:
            # The service is asked again by each file that is embedded, with tries and pauses.
            logger.warning("Whether the vectors fit their index is not known: %s", error.detail)
        return None

    def _adopted(
        self, session: Session, persona_id: str, chosen: EmbedderRef
    ) -> EmbeddingUse | None:
        """Return a clone's row; made for one whose vectors are older than the table of rows."""
        use = session.get(EmbeddingUse, persona_id, populate_existing=True)
        if use is None and self._index.embedded(session, persona_id, chosen.model):
            use = EmbeddingUse(
                persona_id=persona_id, model=chosen.model, origin=chosen.origin.row()
            )
            session.add(use)
        return use

    def _tidy(self, session: Session, use: EmbeddingUse) -> None:
        """Have vectors deleted that are of no use any more."""
        if self._index.models(session, use.persona_id) - {use.model, use.building}:
            self._jobs.enqueue(session, "forget", use.persona_id, {}, after=uses.GRACE_SECONDS)

    def _lacking(self, session: Session, model: str) -> dict[str, list[StoredFile]]:
        """Return, by clone, the ready files that lack vectors and have no job.

        A file that has one already: the job sees by itself what is wanted when it ends.
        """
        working = select(Job.subject_id).where(
            Job.kind == "embed", col(Job.state).in_(("queued", "running"))
        )
        lacking = self._index.files_lacking_vectors(session, model)
        lacking -= set(session.exec(working).all())
        found: dict[str, list[StoredFile]] = {}
        if lacking:
            ready = select(StoredFile).where(col(StoredFile.state).in_(uses.READY_STATES))
            for file in session.exec(ready):
                if file.id in lacking:
                    found.setdefault(file.persona_id, []).append(file)
        return found

    def _queue(
        self,
        session: Session,
        use: EmbeddingUse | None,
        model: str,
        files: Sequence[StoredFile],
    ) -> None:
        """Have files of a clone embedded; those that the old model serves stay as they are."""
        for file in files:
            if uses.serves(use, model) or file.embedding != "done":
                file.embedding, file.embedding_error = "pending", None
                session.add(file)
            self._jobs.enqueue(session, "embed", file.id, {})

    def forget(self, job: RunningJob) -> None:
        """Delete the vectors of a clone that are neither searched nor built, batch by batch.

        Raises:
            JobLost: The job was cancelled or taken over.
        """
        while True:
            if job.stopped.is_set():
                raise JobLost("The worker stops.")
            with self._database.write() as session:
                self._jobs.hold(session, job)
                # Read each time: somebody may have gone back to one of them.
                use = uses.locked(session, job.subject_id)
                kept = {use.model, use.building} if use else set()
                old = self._index.models(session, job.subject_id) - kept
                if use is None or not old:
                    self._jobs.complete(session, job)
                    if self._index.wants_tending(
                        session, job.subject_id, None if not use else use.model
                    ):
                        self._jobs.enqueue(session, TEND, ALL, {})
                    return
                self._index.forget_model(session, job.subject_id, min(old), FORGET_BATCH)

    def _keep_forgotten(self, job: RunningJob, error: StudioError) -> None:
        """Leave old vectors where they are: the next start finds them again."""
        logger.warning("Old vectors of a clone were not deleted: %s", error.detail)

    def passages(self) -> int:
        """Return how many passages another embedding model would have to embed."""
        query = select(func.sum(StoredFile.chunk_count)).where(
            col(StoredFile.state).in_(uses.READY_STATES)
        )
        with self._database.read() as session:
            return session.exec(query).one() or 0

    def progress(self, persona_id: str | None = None) -> tuple[CloneRebuild, ...]:
        """Return how far each clone is that waits for another model; empty when none does.

        Args:
            persona_id: Only this clone.
        """
        query = (
            select(EmbeddingUse, Persona)
            .join(Persona, col(Persona.id) == col(EmbeddingUse.persona_id))
            .where(EmbeddingUse.building != "")
            .order_by(col(Persona.name), col(Persona.id))
        )
        if persona_id is not None:
            query = query.where(EmbeddingUse.persona_id == persona_id)
        with self._database.read() as session:
            rows = session.exec(query).all()
            counts = [
                (
                    self._index.embedded(session, use.persona_id, use.building),
                    uses.passages(session, use.persona_id),
                )
                for use, _ in rows
            ]
        problems = {ref: self._problem(ref) for ref in {ref_of(use) for use, _ in rows}}
        return tuple(
            CloneRebuild(
                persona_id=use.persona_id,
                user_id=persona.user_id,
                name=persona.name,
                old=use.model,
                new=use.building,
                done=done,
                total=total,
                started_at=use.started_at or utc_now(),
                error=use.error or "",
                problem=problems[ref_of(use)],
            )
            for (use, persona), (done, total) in zip(rows, counts, strict=True)
        )

    def old(self) -> EmbedderRef | None:
        """Return what the most passages are searched by that wait for another; None for none."""
        weights: dict[EmbedderRef, int] = {}
        with self._database.read() as session:
            for use in session.exec(select(EmbeddingUse).where(EmbeddingUse.building != "")):
                ref = ref_of(use)
                weights[ref] = weights.get(ref, 0) + uses.passages(session, use.persona_id)
        return max(weights, key=lambda ref: weights[ref], default=None)

    def _problem(self, ref: EmbedderRef) -> str:
        """Return why an embedder cannot answer until the new one does, empty when it can."""
        try:
            self._source.spare(ref).close()
        except ProviderError as error:
            return error.detail
        return ""


def _aim(use: EmbeddingUse, chosen: EmbedderRef, refusal: str | None) -> None:
    """Have a clone's row say that `chosen` is wanted, and why it cannot be, if so."""
    if use.model == chosen.model:
        use.origin = chosen.origin.row()
        uses.settle(use)
        return
    if use.building != chosen.model:
        use.building, use.started_at = chosen.model, utc_now()
    use.building_origin, use.error = chosen.origin.row(), refusal
