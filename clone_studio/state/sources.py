"""The source panel of the chat page: the page a citation points to, with its passage marked."""

import asyncio
import re

import reflex as rx

from clone_studio.bootstrap import services
from clone_studio.errors import NotFound
from clone_studio.state.base import StudioState
from clone_studio.state.chat_rows import page_label

_HREF = re.compile(r"#cite-([0-9a-f-]{36})-(\d{1,3})")


class SourceState(StudioState):
    """The opened source. `before`, `marked` and `after` together are the page's text."""

    shown: bool = False
    number: int = 0
    file_id: str = ""
    file_name: str = ""
    page: int = 1
    page_count: int = 1
    page_label: str = ""
    before: str = ""
    marked: str = ""
    after: str = ""
    quote: str = ""
    gone: str = ""
    original: str = ""
    viewer: str = ""
    place: int = 0

    _cited_page: int = 0
    _cited_span: tuple[int, int] = (0, 0)

    @rx.event
    async def open(self, href: str) -> None:
        """Open the source that a citation chip names."""
        match = _HREF.fullmatch(str(href))
        if match is None:
            return
        async with self._reporting():
            message = await asyncio.to_thread(
                services().conversations.message_for, self._user_id, match[1]
            )
            number = int(match[2])
            citation = next((c for c in message.citations if c["number"] == number), None)
            if citation is None:
                return
            self.number = number
            self.file_id = str(citation["fileId"])
            self.file_name = str(citation["file"])
            self.quote = str(citation.get("quote", ""))
            self._cited_page = int(citation["page"])
            self._cited_span = (int(citation["start"]), int(citation["end"]))
            await self._read(self._cited_page)
            self.shown = True

    async def _read(self, number: int) -> None:
        """Show page `number` of the file, marked where it is the cited one."""
        self.gone = self.before = self.marked = self.after = ""
        try:
            file = await asyncio.to_thread(services().files.get_for, self._user_id, self.file_id)
            pages = await asyncio.to_thread(
                services().files.pages, self._user_id, self.file_id, number, 1
            )
        except NotFound:
            self.gone = "This file was deleted. These are the words the answer relied on."
            self.original = self.viewer = ""
            return
        self.page, self.page_count = number, max(1, file.page_count)
        is_pdf = file.media_type == "application/pdf"
        address = f"/api/personas/{file.persona_id}/files/{file.id}/content"
        self.original = f"{address}#page={number}" if is_pdf else address
        start, end = self._cited_span if number == self._cited_page else (0, 0)
        self.viewer = f"/files/{self.slug}?file={file.id}&page={number}&start={start}&end={end}"
        if not pages:
            return
        self.page_label = page_label(pages[0].label, number, file.name)
        self.place += 1
        text = pages[0].text
        self.before, self.marked, self.after = text[:start], text[start:end], text[end:]

    @rx.event
    async def turn(self, step: int) -> None:
        """Go one page back or on."""
        target = self.page + (1 if int(step) > 0 else -1)
        if self.shown and not self.gone and 1 <= target <= self.page_count:
            async with self._reporting():
                await self._read(target)

    @rx.event
    async def back_to_mark(self) -> None:
        """Return to the cited page."""
        async with self._reporting():
            await self._read(self._cited_page)

    @rx.event
    def close(self) -> None:
        """Put the panel away."""
        self._close()

    def _close(self) -> None:
        self.shown = False
