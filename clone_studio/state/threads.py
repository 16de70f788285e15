"""The thread list of the chat page: paging, renaming, deleting with undo."""

import asyncio
import dataclasses

import reflex as rx

from clone_studio.bootstrap import services
from clone_studio.services.conversations import ThreadInfo
from clone_studio.state.base import Reaction, StudioState
from clone_studio.state.chat_rows import ThreadRow, grouped, thread_row

PAGE = 30
NEW = "new"


class ThreadsState(StudioState):
    """The threads of the clone whose chat is open."""

    rows: list[ThreadRow] = []
    has_more: bool = False
    open_id: str = ""
    renaming: str = ""
    undo_id: str = ""
    undo_title: str = ""
    collapsed: bool = False
    sheet: bool = False

    _clone: str = ""

    async def _show(self, clone: str, open_id: str) -> None:
        """Show the threads of `clone`, read again when it is another clone than before."""
        self.open_id = open_id
        self.renaming = ""
        self.sheet = False
        if clone != self._clone:
            self._clone = clone
            self.undo_id = ""
            await self._read(before=None)

    async def _read(self, before: str | None) -> None:
        page = await asyncio.to_thread(
            services().conversations.list_for, self._user_id, self._clone, PAGE, before
        )
        known = self.rows if before else []
        self.rows = grouped([*known, *(thread_row(thread) for thread in page.threads)])
        self.has_more = page.has_more

    def _put(self, thread: ThreadInfo) -> None:
        """Put one thread on top, as after something was said in it."""
        others = [row for row in self.rows if row.key != thread.id]
        self.rows = grouped([thread_row(thread), *others])

    @rx.event
    async def more(self) -> None:
        """Read the next page of threads."""
        if self.has_more and self.rows:
            await self._read(before=self.rows[-1].key)

    @rx.event
    def toggle(self) -> None:
        """Fold the list away, or show it again."""
        self.collapsed = not self.collapsed

    @rx.event
    def set_sheet(self, is_open: bool) -> None:
        """Open or close the list where it is a sheet."""
        self.sheet = bool(is_open)

    @rx.event
    def rename(self, thread_id: str) -> None:
        """Turn the title of a thread into a field."""
        self.renaming = str(thread_id)

    @rx.event
    def cancel_rename(self) -> None:
        """Leave the title as it was."""
        self.renaming = ""

    @rx.event
    async def save_title(self, form: dict[str, str]) -> None:
        """Store the title that was typed."""
        thread_id, self.renaming = self.renaming, ""
        title = str(form.get("title", "")).strip()
        if not thread_id or not title:
            return
        async with self._reporting():
            await asyncio.to_thread(
                services().conversations.rename, self._user_id, thread_id, title
            )
            self.rows = [
                dataclasses.replace(row, title=title[:120]) if row.key == thread_id else row
                for row in self.rows
            ]

    @rx.event
    async def delete(self, thread_id: str) -> Reaction:
        """Delete a thread; it can be brought back."""
        async with self._reporting():
            thread_id = str(thread_id)
            await asyncio.to_thread(services().conversations.delete, self._user_id, thread_id)
            gone = next((row for row in self.rows if row.key == thread_id), ThreadRow())
            self.rows = grouped([row for row in self.rows if row.key != thread_id])
            self.undo_id, self.undo_title = thread_id, gone.title
            if thread_id == self.open_id:
                return rx.redirect(f"/chat/{self._clone}/{NEW}")
        return None

    @rx.event
    async def undo(self) -> None:
        """Bring the thread back that was deleted last."""
        thread_id, self.undo_id = self.undo_id, ""
        if thread_id:
            async with self._reporting():
                await asyncio.to_thread(services().conversations.restore, self._user_id, thread_id)
                await self._read(before=None)

    @rx.event
    def forget_undo(self) -> None:
        """Put the undo line away."""
        self.undo_id = ""
