"""What the chat page shows of threads, messages and sources, made from services' records."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from clone_studio.services.conversations import MessageInfo, ThreadInfo
from clone_studio.services.spans import BY_WORDS, SEARCHED
from clone_studio.state.answer_text import link_marks
from clone_studio.state.clone_rows import exactly

STATE_NOTES = {
    "stopped": "Stopped. What was said so far is kept.",
    "interrupted": "The studio stopped while it wrote this answer. What was written is kept.",
    "failed": "This answer could not be written.",
}
WORDS_NOTE = (
    "Found by words only, because the store of vectors did not answer. Passages that say it in "
    "other words may be missing; the Health page says what to do."
)
# Stands between the headings of a section's path.
HEADING_MARK = " › "
SPAN_NAMES = {
    "open": "Taking the question",
    "rewrite": "Rewriting the question",
    "retrieve.embed": "Understanding the question",
    "retrieve.search": "Searching the files",
    "retrieve.rerank": "Ranking the passages",
    "prompt.render": "Writing the prompt",
    "quote": "Choosing the quotes",
    "llm.first_token": "First word",
    "llm.last_token": "Last word",
    "cite": "Checking the citations",
    "total": "All together",
}


@dataclasses.dataclass
class SpanRow:
    """One bar of the latency waterfall; `left` and `width` are percentages of the whole."""

    name: str = ""
    label: str = ""
    left: float = 0.0
    width: float = 0.0


@dataclasses.dataclass
class ChipRow:
    """One source under an answer."""

    number: int = 0
    href: str = ""
    label: str = ""


@dataclasses.dataclass
class MessageRow:
    """One bubble. `text` is Markdown whose citation marks are links; `plain` is for copying."""

    key: str = ""
    role: str = ""
    text: str = ""
    plain: str = ""
    state: str = "complete"
    note: str = ""
    moment: str = ""
    exact: str = ""
    meta: str = ""
    quoting: bool = False
    sources: list[ChipRow] = dataclasses.field(default_factory=list)
    has_spans: bool = False


@dataclasses.dataclass
class ThreadRow:
    """One line of the thread list; `first` marks the first row of its date group."""

    key: str = ""
    title: str = ""
    group: str = ""
    first: bool = False
    moment: str = ""


def message_row(info: MessageInfo) -> MessageRow:
    """Return the bubble of a stored message."""
    quotes = {int(c["number"]): str(c.get("quote", "")) for c in info.citations}
    answer = info.role == "assistant"
    searched_by_words = info.usage.get(SEARCHED) == BY_WORDS
    note = STATE_NOTES.get(info.state, WORDS_NOTE if searched_by_words else "")
    if info.state == "stopped" and not info.content:
        note = "Stopped before the first word."
    if info.state in {"failed", "interrupted"} and info.error:
        note = info.error
    return MessageRow(
        key=info.id,
        role=info.role,
        text=link_marks(info.content, info.id, quotes) if answer else info.content,
        plain=info.content,
        state=info.state,
        note=note,
        moment=info.created_at.strftime("%H:%M"),
        exact=exactly(info.created_at),
        meta=_meta(info),
        quoting=info.usage.get("mode") == "quotes",
        sources=[_chip(info.id, c) for c in info.citations] if answer else [],
        has_spans=bool(info.spans),
    )


def question_row(key: str, text: str) -> MessageRow:
    """Return the bubble of a question that was just asked."""
    return MessageRow(key=key, role="user", text=text, plain=text)


def _meta(info: MessageInfo) -> str:
    """Return model and duration in words, empty where nothing is known."""
    ends = [float(s["startMs"]) + float(s["ms"]) for s in info.spans]
    parts = [f"{max(ends) / 1000:.1f} s"] if ends else []
    tokens = info.usage.get("completionTokens")
    if tokens:
        parts.append(f"{int(tokens):,} tokens")
    return " · ".join(parts)


def _chip(message_id: str, citation: Mapping[str, Any]) -> ChipRow:
    """Return the chip of one citation: file and page in words."""
    number = int(citation["number"])
    where = page_words(
        str(citation.get("pageLabel", "")), int(citation["page"]), str(citation["file"])
    )
    return ChipRow(
        number=number,
        href=f"#cite-{message_id}-{number}",
        label=f"{where[:1].upper()}{where[1:]} · {citation['file']}",
    )


def page_words(label: str, page: int, file: str) -> str:
    """Return a page in words: "page 72" of a PDF, else the section's own heading."""
    label = label.strip()
    if label and not label.isdigit() and not file.lower().endswith(".pdf"):
        return label.rpartition(HEADING_MARK)[2]
    return f"page {label or page}"


def page_label(label: str, page: int, file: str) -> str:
    """Return what a pager says of a page besides its number, empty when that is all."""
    words = page_words(label, page, file)
    return "" if words == f"page {page}" else f"{words[:1].upper()}{words[1:]}"


def thread_row(thread: ThreadInfo, now: datetime | None = None) -> ThreadRow:
    """Return the line of one thread."""
    return ThreadRow(
        key=thread.id,
        title=thread.title or "New thread",
        group=date_group(thread.last_message_at, now or datetime.now(UTC)),
        moment=exactly(thread.last_message_at),
    )


def grouped(rows: list[ThreadRow]) -> list[ThreadRow]:
    """Return the rows with the first of each date group marked as such."""
    groups = ["", *(row.group for row in rows)]
    return [
        dataclasses.replace(row, first=row.group != before)
        for row, before in zip(rows, groups, strict=False)
    ]


def date_group(moment: datetime, now: datetime) -> str:
    """Return the name of the date group that `moment` falls into, seen from `now`."""
    days = (now.date() - moment.date()).days
    if days <= 0:
        return "Today"
    if days == 1:
        return "Yesterday"
    if days < 7:
        return "Last 7 days"
    if moment > now - timedelta(days=30):
        return "Last 30 days"
    return moment.strftime("%B %Y")


def span_rows(spans: Sequence[Mapping[str, Any]]) -> list[SpanRow]:
    """Return the bars of the waterfall, in the order in which the spans began."""
    whole = max((float(s["startMs"]) + float(s["ms"]) for s in spans), default=0.0) or 1.0
    ordered = sorted(spans, key=lambda s: (float(s["startMs"]), float(s["ms"])))
    return [
        SpanRow(
            name=SPAN_NAMES.get(str(s["name"]), str(s["name"])),
            label=f"{float(s['ms']):,.0f} ms",
            left=round(100 * float(s["startMs"]) / whole, 2),
            width=round(max(0.5, 100 * float(s["ms"]) / whole), 2),
        )
        for s in ordered
    ]
