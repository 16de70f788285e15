"""The All Clones page: cards, duplicating, deleting with a typed confirmation."""

import asyncio

import reflex as rx

from clone_studio.bootstrap import services
from clone_studio.errors import StudioError
from clone_studio.services.personas import Deleted
from clone_studio.state.base import StudioState
from clone_studio.state.clone_rows import CloneRow, clone_row, counted
from clone_studio.state.shell import ShellState


class ClonesState(StudioState):
    """What All Clones shows."""

    rows: list[CloneRow] = []
    ready: bool = False
    problem: str = ""
    busy: str = ""
    deleting: CloneRow = CloneRow()
    delete_open: bool = False
    delete_error: str = ""

    @rx.event
    async def open(self) -> None:
        """Read the clones, for the page or to try again."""
        await self._read()

    async def _read(self) -> None:
        try:
            personas = await asyncio.to_thread(services().personas.list_for, self._user_id)
        except StudioError as error:
            self.problem = error.detail
            return
        self.rows = [clone_row(persona) for persona in personas]
        self.problem = ""
        self.ready = True

    async def _changed(self) -> None:
        """Read again here and in the frame."""
        await self._read()
        await (await self.get_state(ShellState))._refresh()

    @rx.event(background=True)
    async def duplicate(self, ref: str) -> None:
        """Copy a clone with its documents; these may be large, so the page is not held up."""
        async with self:
            if self.busy:
                return
            self.busy, user_id = str(ref), self._user_id
        try:
            copy = await asyncio.to_thread(services().personas.duplicate, user_id, str(ref))
        except StudioError as error:
            async with self:
                self.busy = ""
                self._report(error)
            return
        async with self:
            self.busy = ""
            await self._changed()
            self._notify(f"{copy.name} is there. Its threads and consent were not copied.")

    @rx.event
    def ask_delete(self, ref: str) -> None:
        """Open the dialog that deletes a clone."""
        row = next((row for row in self.rows if row.key == str(ref)), None)
        if row is not None:
            self.deleting, self.delete_open, self.delete_error = row, True, ""

    @rx.event
    def set_delete_open(self, is_open: bool) -> None:
        """Open or close that dialog."""
        self.delete_open = bool(is_open)

    @rx.event
    async def delete(self, form: dict[str, str]) -> None:
        """Delete the clone when its name was typed, and say what went with it."""
        if str(form.get("typed", "")).strip() != self.deleting.name:
            self.delete_error = f"Type {self.deleting.name} exactly as it is written here."
            return
        async with self._reporting():
            deleted = await asyncio.to_thread(
                services().personas.delete, self._user_id, self.deleting.key
            )
            self.delete_open = False
            await self._changed()
            self._notify(_what_went(deleted), title=f"{self.deleting.name} was deleted")


def _what_went(deleted: Deleted) -> str:
    """Return the sentence that counts what was deleted with a clone."""
    files = counted(deleted.files, "file", "files")
    chunks = counted(deleted.chunks, "chunk", "chunks")
    threads = counted(deleted.threads, "thread", "threads")
    messages = counted(deleted.messages, "message", "messages")
    return f"With it went {files} in {chunks}, and {threads} with {messages}."
