"""The search over everything that Ctrl or Cmd and K opens."""

import asyncio
from dataclasses import dataclass

import reflex as rx

from clone_studio.bootstrap import services
from clone_studio.state.base import StudioState
from clone_studio.state.shell import ShellState

PER_GROUP = 6
QUERY_CHARS = 100


@dataclass(frozen=True)
class FoundRow:
    """One thing found; `group` is a heading when the row begins a new group."""

    key: str = ""
    kind: str = ""
    group: str = ""
    title: str = ""
    note: str = ""
    href: str = ""


class FinderState(StudioState):
    """The search dialog."""

    is_open: bool = False
    query: str = ""
    found: list[FoundRow] = []

    @rx.event
    async def show(self) -> None:
        """Open the dialog with the pages and clones in it."""
        self.is_open = True
        self.query = ""
        await self._find("")

    @rx.event
    def set_open(self, is_open: bool) -> None:
        """Open or close the dialog."""
        self.is_open = bool(is_open)

    @rx.event
    async def find(self, query: str) -> None:
        """Show what has the words of `query` in its name."""
        self.query = str(query)[:QUERY_CHARS]
        await self._find(self.query.strip().casefold())

    async def _find(self, query: str) -> None:
        shell = await self.get_state(ShellState)
        rows = [
            *_matching(query, _pages(shell)),
            *_matching(query, _clones(shell)),
        ]
        if query and shell.clone.slug:
            async with self._reporting():
                rows += await self._threads_and_files(query, shell.clone.slug)
        self.found = _grouped(rows)

    async def _threads_and_files(self, query: str, slug: str) -> list[FoundRow]:
        """Search the titles of the active clone's newest threads, and its files by name."""
        studio = services()
        threads, files = await asyncio.gather(
            asyncio.to_thread(studio.conversations.list_for, self._user_id, slug, 100),
            asyncio.to_thread(studio.files.list_for, self._user_id, slug, query, "", PER_GROUP),
        )
        return [
            *_matching(
                query,
                [
                    FoundRow(one.id, "thread", "", one.title, "", f"/chat/{slug}/{one.id}")
                    for one in threads.threads
                ],
            ),
            *[FoundRow(one.id, "file", "", one.name, "", f"/files/{slug}") for one in files.files],
        ]


def _pages(shell: ShellState) -> list[FoundRow]:
    pages = [
        ("All Clones", "/clones"),
        ("Create New Clone", "/clones/new"),
        ("Chat", shell.chat_href),
        ("Prompts", shell.prompts_href),
        ("Files", shell.files_href),
        ("Voice", shell.voice_href),
        ("Settings", "/settings"),
        ("Health", "/health"),
    ]
    return [
        FoundRow(title, "page", "", title, "", href)
        for title, href in pages
        if title == "All Clones" or href != "/clones"
    ]


def _clones(shell: ShellState) -> list[FoundRow]:
    return [
        FoundRow(one.key, "clone", "", one.name, "Active" if one.is_active else "", one.href)
        for one in shell.clones
    ]


def _matching(query: str, rows: list[FoundRow]) -> list[FoundRow]:
    """Return the rows whose title has every word of the query, at most a few."""
    words = query.split()
    hits = [row for row in rows if all(word in row.title.casefold() for word in words)]
    return hits[:PER_GROUP]


def _grouped(rows: list[FoundRow]) -> list[FoundRow]:
    """Put the heading of each group on its first row."""
    names = {"page": "Pages", "clone": "Clones", "thread": "Threads", "file": "Files"}
    out: list[FoundRow] = []
    for row in rows:
        begins = not out or out[-1].kind != row.kind
        group = names[row.kind] if begins else ""
        out.append(
            FoundRow(f"{row.kind}-{row.key}", row.kind, group, row.title, row.note, row.href)
        )
    return out
