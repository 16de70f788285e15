"""Files: what the clone knows. A table, a drop zone as large as the page, and the viewer."""

import reflex as rx

from clone_studio.components import files, sources, viewer
from clone_studio.components.upload import uploader
from clone_studio.state.files import FilesState
from clone_studio.state.viewer import PASSAGE, ViewerState

ROUTE = "/files/[slug]"


def _head() -> rx.Component:
    return rx.el.header(
        rx.el.div(
            rx.el.h1("Files"),
            rx.el.p(
                "What ", FilesState.clone_name, " answers from. PDF, text and Markdown, up to ",
                FilesState.limit_words, " each.",
                class_name="page-lead",
            ),
        ),
        class_name="files-head",
    )


def _empty() -> rx.Component:
    return rx.el.section(
        rx.icon("file-up", size=20, aria_hidden="true"),
        rx.el.h2("Drop a document anywhere on this page"),
        rx.el.p(
            "The clone answers only from what is here. Begin with one good document: "
            "a book, a manual, a set of notes."
        ),
        class_name="files-empty",
    )


def _nothing_found() -> rx.Component:
    return rx.el.p("No file matches. Change the words or the state above.", class_name="files-none")


def _rows() -> rx.Component:
    return rx.cond(
        FilesState.rows.length() > 0,
        files.file_table(
            FilesState.rows,
            FilesState.clone,
            FilesState.retry,
            FilesState.cancel,
            FilesState.ask_delete,
        ),
        rx.cond(FilesState.filters, _nothing_found(), _empty()),
    )


def _table() -> rx.Component:
    return rx.el.div(
        _head(),
        uploader(
            FilesState.endpoint,
            FilesState.max_bytes,
            "Drop to add to " + FilesState.clone_name,
            FilesState.refresh,
        ),
        rx.cond(
            FilesState.filters,
            files.filters(
                FilesState.query,
                FilesState.state_filter,
                FilesState.search,
                FilesState.filter_state,
            ),
        ),
        rx.cond(
            FilesState.asking_id,
            files.delete_question(FilesState.asking_name, FilesState.delete, FilesState.keep),
        ),
        _rows(),
        rx.cond(
            FilesState.has_more,
            rx.el.button(
                "Show more files", type="button", class_name="quiet-button", on_click=FilesState.more
            ),
        ),
        class_name="files",
    )


def _viewer() -> rx.Component:
    return viewer.viewer(
        ViewerState.name,
        "/files/" + FilesState.clone,
        sources.pager(
            ViewerState.page, ViewerState.page_count, ViewerState.label, ViewerState.turn
        ),
        sources.page_text(ViewerState.before, ViewerState.marked, ViewerState.after, PASSAGE),
        viewer.passage_list(
            ViewerState.chunks,
            ViewerState.chunk_count,
            ViewerState.has_more,
            ViewerState.show_chunk,
            ViewerState.more,
        ),
        ViewerState.original,
    )


def _missing(words: rx.Var[str], way: rx.Component) -> rx.Component:
    return rx.el.section(rx.el.h2(words), way, class_name="files-empty")


def _skeleton() -> rx.Component:
    return rx.el.div(
        *[rx.el.div(class_name="skeleton files-skeleton") for _ in range(5)],
        class_name="files",
        aria_hidden="true",
    )


def content() -> rx.Component:
    """Return the page without its frame."""
    all_files = rx.link("All files", href="/files/" + FilesState.clone)
    return rx.cond(
        FilesState.ready,
        rx.cond(
            FilesState.missing,
            _missing(FilesState.missing, rx.link("All clones", href="/clones")),
            rx.cond(
                ViewerState.missing,
                _missing(ViewerState.missing, all_files),
                rx.cond(ViewerState.file_id, _viewer(), _table()),
            ),
        ),
        _skeleton(),
    )
