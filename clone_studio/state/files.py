"""The table of a clone's files: states, filter, paging, retry, cancel, delete."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import reflex as rx

from clone_studio.bootstrap import services
from clone_studio.errors import NotFound, StudioError
from clone_studio.services.files import FileInfo, FilePage, FileService
from clone_studio.services.knowledge.rebuild import CloneRebuild
from clone_studio.services.personas import PersonaInfo
from clone_studio.services.watchers import WATCHERS, Watch
from clone_studio.state.base import StudioState
from clone_studio.state.file_rows import FileRow, file_row
from clone_studio.state.rebuild import note_words

PAGE = 50
READ_AT_ONCE = 200
SHOWN_LIMIT = 1000
FILTER_FROM = 8
FILTER_STATES = ("processing", "ready", "ready_with_warnings", "failed")


@dataclass(frozen=True)
class Shelf:
    """What was read: a part of the files, and whether another embedding model is built.

    `asked` is what the page showed when the reading began.
    """

    asked: tuple[str, str, str, int]
    files: FilePage
    rebuild: CloneRebuild | None = None


class FilesState(StudioState):
    """What the Files page shows."""

    clone: str = ""
    clone_name: str = ""
    endpoint: str = ""
    max_bytes: int = 0
    limit_words: str = ""
    rows: list[FileRow] = []
    has_more: bool = False
    ready: bool = False
    problem: str = ""
    missing: str = ""
    query: str = ""
    state_filter: str = ""
    filters: bool = False
    rebuild: str = ""
    asking_id: str = ""
    asking_name: str = ""

    _persona_id: str = ""
    _shown: int = PAGE

    @rx.event
    async def open(self) -> None:
        """Show the files of the clone in the address."""
        if not self._user_id:
            return
        slug = str(self.slug)
        try:
            persona = await asyncio.to_thread(services().personas.get_for, self._user_id, slug)
            await self._show(persona)
            self.problem = ""
        except NotFound:
            self.missing = "There is no such clone."
        except StudioError as error:
            self.problem = error.detail
            return
        self.ready = True

    async def _show(self, persona: PersonaInfo) -> None:
        """Show the files of `persona`, and have this tab told when one of them moves."""
        if persona.slug != self.clone:
            self.query = self.state_filter = ""
            self.rows, self.filters, self._shown = [], False, PAGE
        self.missing = self.asking_id = ""
        self.clone, self.clone_name = persona.slug, persona.name
        self._persona_id = persona.id
        self.endpoint = f"/api/personas/{persona.id}/files"
        self.max_bytes = services().settings.max_file_bytes
        self.limit_words = f"{services().settings.max_file_mb} MB"
        WATCHERS.watch(
            Watch(
                topic=f"persona:{persona.id}",
                tab=self.router.session.client_token,
                user_id=self._user_id,
                session_id=self._session_id,
            )
        )
        await self._read()

    def _query(self) -> Callable[[FileService], Shelf]:
        """Return the reading of what is now shown, to be run outside the tab's lock."""
        user, clone, persona_id = self._user_id, self.clone, self._persona_id
        asked = self._asked()
        _, query, state, shown = asked

        def read(files: FileService) -> Shelf:
            found: list[FileInfo] = []
            has_more = True
            while has_more and len(found) < shown:
                limit = min(READ_AT_ONCE, shown - len(found))
                before = found[-1].id if found else None
                page = files.list_for(user, clone, query, state, limit, before)
                found += page.files
                has_more = page.has_more
            # The clone is the user's, or its files would not have been listed.
            rebuild = services().rebuilding.of_clone(persona_id)
            return Shelf(asked, FilePage(tuple(found), has_more), rebuild)

        return read

    def _asked(self) -> tuple[str, str, str, int]:
        return self.clone, self.query, self.state_filter, self._shown

    def _fill(self, shelf: Shelf) -> None:
        """Show what was read, unless something else is to be shown by now."""
        if shelf.asked != self._asked():
            return
        page = shelf.files
        self.rebuild = note_words(shelf.rebuild)
        self.rows = [file_row(info) for info in page.files]
        self.has_more = page.has_more
        many = len(self.rows) >= FILTER_FROM or page.has_more
        self.filters = self.filters or many or bool(self.query or self.state_filter)

    async def _read(self) -> None:
        self._fill(await asyncio.to_thread(self._query(), services().files))

    @rx.event
    async def refresh(self, _file_id: str = "", _outcome: str = "") -> None:
        """Read the rows again: an upload ended, or so its component says."""
        async with self._reporting():
            await self._read()

    @rx.event
    async def more(self) -> None:
        """Show more rows."""
        self._shown = min(SHOWN_LIMIT, self._shown + PAGE)
        async with self._reporting():
            await self._read()

    @rx.event
    async def search(self, text: str) -> None:
        """Show the files whose name contains `text`."""
        self.query = str(text)[:200]
        self._shown = PAGE
        async with self._reporting():
            await self._read()

    @rx.event
    async def filter_state(self, state: str) -> None:
        """Show the files of one state; an unknown one shows all."""
        self.state_filter = str(state) if state in FILTER_STATES else ""
        self._shown = PAGE
        async with self._reporting():
            await self._read()

    @rx.event
    async def retry(self, file_id: str) -> None:
        """Process a failed file again."""
        await self._change(services().files.retry, file_id)

    @rx.event
    async def cancel(self, file_id: str) -> None:
        """Stop processing a file and remove it."""
        await self._change(services().files.cancel, file_id)

    @rx.event
    def ask_delete(self, file_id: str) -> None:
        """Ask before deleting: a deleted file does not come back."""
        row = next((row for row in self.rows if row.key == str(file_id)), None)
        if row is not None:
            self.asking_id, self.asking_name = row.key, row.name

    @rx.event
    def keep(self, is_open: bool) -> None:
        """Delete nothing: the question was closed."""
        if not is_open:
            self.asking_id = ""

    @rx.event
    async def delete(self) -> None:
        """Delete the file that was asked about."""
        file_id, self.asking_id = self.asking_id, ""
        if file_id:
            await self._change(services().files.delete, file_id)

    async def _change(self, act: Callable[[str, str], object], file_id: str) -> None:
        """Do one thing with one file and show the rows as they are then."""
        async with self._reporting():
            await asyncio.to_thread(act, self._user_id, str(file_id))
        async with self._reporting():
            await self._read()
