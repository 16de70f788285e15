"""The file viewer: a document's text page by page, its passages, and a mark where one is shown."""

import asyncio
import dataclasses

import reflex as rx

from clone_studio.bootstrap import services
from clone_studio.errors import NotFound
from clone_studio.services.files import ChunkInfo
from clone_studio.state.base import StudioState
from clone_studio.state.chat_rows import page_label

CHUNKS = 50


@dataclasses.dataclass
class ChunkRow:
    """One passage of the list."""

    key: str = ""
    page: int = 0
    heading: str = ""
    text: str = ""


class ViewerState(StudioState):
    """The open file. `before`, `marked` and `after` together are the page's text."""

    file_id: str = ""
    name: str = ""
    missing: str = ""
    original: str = ""
    is_pdf: bool = False
    page: int = 1
    page_count: int = 1
    label: str = ""
    before: str = ""
    marked: str = ""
    after: str = ""
    place: int = 0
    chunks: list[ChunkRow] = []
    chunk_count: int = 0
    has_more: bool = False

    _content: str = ""

    @rx.event
    async def open(self) -> None:
        """Open the file that the address names, at its page; no file closes the viewer."""
        wanted = self.router.url.query_parameters
        file_id = str(wanted.get("file", ""))
        if not self._user_id or not file_id:
            self.file_id = self.missing = ""
            return
        try:
            await self._load(file_id, _number(wanted.get("page"), 1))
            if "start" in wanted:
                self._mark(_number(wanted.get("start"), 0), _number(wanted.get("end"), 0))
        except NotFound:
            self.file_id = file_id
            self.missing = "This file is not here. It may have been deleted."

    async def _load(self, file_id: str, page: int) -> None:
        file = await asyncio.to_thread(services().files.get_for, self._user_id, file_id)
        self.file_id, self.name, self.missing = file.id, file.name, ""
        self.page_count, self.chunk_count = max(1, file.page_count), file.chunk_count
        self._content = f"/api/personas/{file.persona_id}/files/{file.id}/content"
        self.is_pdf = file.media_type == "application/pdf"
        await self._read(min(max(1, page), self.page_count))
        await self._list(offset=0)

    async def _read(self, number: int) -> None:
        """Show the text of one page."""
        pages = await asyncio.to_thread(
            services().files.pages, self._user_id, self.file_id, number, 1
        )
        self.page = number
        self.label = page_label(pages[0].label, number, self.name) if pages else ""
        self.before = pages[0].text if pages else ""
        self.marked = self.after = ""
        self.original = f"{self._content}#page={number}" if self.is_pdf else self._content

    def _mark(self, start: int, end: int) -> None:
        """Mark a passage of the page shown, by its character offsets."""
        self.place += 1
        text = self.before + self.marked + self.after
        self.before, self.marked, self.after = text[:start], text[start:end], text[end:]

    async def _list(self, offset: int) -> None:
        """Read one batch of passages."""
        found = await asyncio.to_thread(
            services().files.chunks, self._user_id, self.file_id, CHUNKS, offset
        )
        known = self.chunks if offset else []
        self.chunks = [*known, *map(chunk_row, found)]
        self.has_more = len(self.chunks) < self.chunk_count and bool(found)

    @rx.event
    async def turn(self, step: int) -> None:
        """Go one page back or on."""
        await self._go(self.page + (1 if int(step) > 0 else -1))

    @rx.event
    async def go(self, form: dict[str, str]) -> None:
        """Go to the page that was typed."""
        await self._go(_number(form.get("page"), self.page))

    async def _go(self, number: int) -> None:
        if self.file_id and not self.missing and 1 <= number <= self.page_count:
            async with self._reporting():
                await self._read(number)

    @rx.event
    async def more(self) -> None:
        """Read more passages."""
        if self.has_more:
            async with self._reporting():
                await self._list(offset=len(self.chunks))

    @rx.event
    async def show_chunk(self, chunk_id: str) -> None:
        """Show one passage of the list in its page."""
        position = next((n for n, row in enumerate(self.chunks) if row.key == str(chunk_id)), None)
        if position is None:
            return
        async with self._reporting():
            found = await asyncio.to_thread(
                services().files.chunks, self._user_id, self.file_id, 1, position
            )
            if found:
                await self._read(found[0].page)
                self._mark(found[0].start, found[0].end)


def chunk_row(info: ChunkInfo) -> ChunkRow:
    """Return the line of one passage; its text is shortened, the page shows it whole."""
    text = " ".join(info.text.split())
    return ChunkRow(
        key=info.id,
        page=info.page,
        heading=info.heading,
        text=text[:220] + ("…" if len(text) > 220 else ""),
    )


def _number(value: object, default: int) -> int:
    """Return a number from an address or a form, `default` when it is none."""
    text = str(value or "").strip()
    return int(text) if text.isdecimal() and len(text) < 10 else default
