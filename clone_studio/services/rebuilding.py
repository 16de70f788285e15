"""What the owner sees of another embedding model being built, and may do about it."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace

from clone_studio.errors import Conflict
from clone_studio.services.connections import Connections
from clone_studio.services.embedder_source import SettingsSource
from clone_studio.services.knowledge.rebuild import CloneRebuild, Rebuild
from clone_studio.services.stored_settings import StoredSettings

OTHERS = "Clones of other people"
# For an estimate: the usual length of a passage, what the local model reads on two processor
# cores, and how many characters a token has.
PASSAGE_CHARS = 900
LOCAL_CHARS_A_SECOND = 22_000
CHARS_A_TOKEN = 4


@dataclass(frozen=True)
class Cost:
    """Roughly what another embedding model costs: seconds on this machine, or tokens elsewhere."""

    passages: int
    local_seconds: int
    tokens: int


@dataclass(frozen=True)
class RebuildStatus:
    """What is being built: the clones that wait, and what `back_to` would go back to.

    `done` and `total` are passages of all clones; `error` is why the building stands still and
    `problem` why the old model cannot answer until then, both empty when all is well.
    """

    clones: tuple[CloneRebuild, ...] = ()
    back_to: str = ""
    done: int = 0
    total: int = 0
    error: str = ""
    problem: str = ""


class Rebuilding:
    """The rebuild, for people. Only the owner reaches the whole of it.

    Args:
        rebuild: Does the work.
        stored: Knows who the owner is.
        source: Knows which settings bring an embedder back.
        connections: Changes them.
    """

    def __init__(
        self,
        rebuild: Rebuild,
        stored: StoredSettings,
        source: SettingsSource,
        connections: Connections,
    ) -> None:
        self._rebuild = rebuild
        self._stored = stored
        self._source = source
        self._connections = connections

    def cost(self) -> Cost:
        """Estimate what another embedding model would cost."""
        passages = self._rebuild.passages()
        chars = passages * PASSAGE_CHARS
        return Cost(passages, chars // LOCAL_CHARS_A_SECOND, chars // CHARS_A_TOKEN)

    def status_for(self, user_id: str) -> RebuildStatus:
        """Return how far everything is; clones of others are counted, not named.

        Raises:
            NotFound: The user is not the owner.
        """
        self._stored.require_owner(user_id)
        clones = self._rebuild.progress()
        old = self._rebuild.old()
        return RebuildStatus(
            clones=_shown_to(user_id, clones),
            back_to=old.model if old else "",
            done=sum(one.done for one in clones),
            total=sum(one.total for one in clones),
            error=next((one.error for one in clones if one.error), ""),
            problem=next((one.problem for one in clones if one.problem), ""),
        )

    def of_clone(self, persona_id: str) -> CloneRebuild | None:
        """Return how far one clone is, None when nothing is built for it.

        The caller has made sure that the clone is the user's.
        """
        return next(iter(self._rebuild.progress(persona_id)), None)

    def try_again(self, user_id: str) -> int:
        """Go on with what stands still; returns how many files were queued.

        Raises:
            NotFound: The user is not the owner.
        """
        self._stored.require_owner(user_id)
        self._source.follow()
        return self._rebuild.begin()

    async def go_back(self, user_id: str) -> str:
        """Choose the old model again; what was built of the new one is deleted.

        Returns the name of the old model.

        Raises:
            NotFound: The user is not the owner.
            Conflict: Nothing is being built, or the old model was at another address.
            InvalidInput: The environment says which model it is.
            ProviderError: The old model cannot be used any more.
        """
        await asyncio.to_thread(self._stored.require_owner, user_id)
        ref = await asyncio.to_thread(self._rebuild.old)
        if ref is None:
            raise Conflict("No other embedding model is being built.")
        changes = await asyncio.to_thread(self._source.back_to, ref)
        await self._connections.change(user_id, changes)
        return ref.model


def _shown_to(user_id: str, clones: Iterable[CloneRebuild]) -> tuple[CloneRebuild, ...]:
    """Return the user's clones, and those of others as one without a name."""
    own: list[CloneRebuild] = []
    others: CloneRebuild | None = None
    for clone in clones:
        if clone.user_id == user_id:
            own.append(clone)
        elif others is None:
            others = replace(clone, persona_id="", name=OTHERS)
        else:
            others = replace(
                others,
                done=others.done + clone.done,
                total=others.total + clone.total,
                started_at=min(others.started_at, clone.started_at),
                error=others.error or clone.error,
                problem=others.problem or clone.problem,
            )
    return (*own, others) if others else tuple(own)
