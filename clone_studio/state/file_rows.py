"""What the Files page shows of a file, and how the service's record becomes it."""

import dataclasses

from clone_studio.services.files import FileInfo
from clone_studio.state.clone_rows import ago, exactly

STATE_WORDS = {
    "processing": "Processing",
    "ready": "Ready",
    "ready_with_warnings": "Ready with warnings",
    "failed": "Failed",
}
TONES = {
    "processing": "busy",
    "ready": "success",
    "ready_with_warnings": "warning",
    "failed": "danger",
}
STAGE_WORDS = {
    "queued": "waiting for its turn",
    "extract": "reading the text",
    "extracting": "reading the text",
    "chunk": "cutting it into passages",
    "chunking": "cutting it into passages",
    "index": "adding it to the search",
    "indexing": "adding it to the search",
    "embed": "learning its meaning",
    "embedding": "learning its meaning",
}


@dataclasses.dataclass
class FileRow:
    """One line of the table. `elapsed` is the seconds spent in the stage so far."""

    key: str = ""
    name: str = ""
    size: str = ""
    pages: str = ""
    pages_unit: str = ""
    chunks: str = ""
    chunks_unit: str = ""
    added: str = ""
    added_exact: str = ""
    state: str = "processing"
    words: str = ""
    tone: str = "busy"
    stage: str = ""
    elapsed: int = 0
    detail: str = ""
    note: str = ""
    can_retry: bool = False
    can_cancel: bool = False
    can_open: bool = False


def file_row(info: FileInfo) -> FileRow:
    """Return the line of one file."""
    processing = info.state == "processing"
    readable = info.state in {"ready", "ready_with_warnings"}
    return FileRow(
        key=info.id,
        name=info.name,
        size=size_words(info.size),
        pages=f"{info.page_count:,}" if readable else "",
        pages_unit="page" if info.page_count == 1 else "pages",
        chunks=f"{info.chunk_count:,}" if readable else "",
        chunks_unit="passage" if info.chunk_count == 1 else "passages",
        added=ago(info.created_at),
        added_exact=exactly(info.created_at),
        state=info.state,
        words=STATE_WORDS.get(info.state, info.state),
        tone=TONES.get(info.state, "neutral"),
        stage=STAGE_WORDS.get(info.stage, info.stage) if processing else "",
        elapsed=int(info.stage_seconds) if processing else 0,
        detail=info.error or " ".join(info.warnings),
        note=_embedding_note(info) if readable else "",
        can_retry=info.state == "failed",
        can_cancel=processing,
        can_open=readable,
    )


def _embedding_note(info: FileInfo) -> str:
    """Return what a reader should know about search by meaning, empty when it is complete."""
    if info.embedding in {"pending", "running"}:
        return "Found by its words now; search by meaning follows."
    if info.embedding == "failed":
        reason = info.embedding_error or "The embedding service did not answer."
        return f"Found by its words only. {reason}"
    return ""


def size_words(count: int) -> str:
    """Return a number of bytes in words."""
    if count < 1000:
        return f"{count} B"
    if count < 1_000_000:
        return f"{count / 1000:.0f} KB"
    return f"{count / 1_000_000:.1f} MB"
