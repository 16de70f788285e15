"""Files: what the clone knows. A table, a drop zone as large as the page, and the viewer."""

import reflex as rx

from clone_studio.components import files, rebuild, sources, viewer
from clone_studio.components.buttons import button, button_link
from clone_studio.components.surfaces import bone, empty_state, loading, page_state
from clone_studio.components.upload import uploader
from clone_studio.pages.layout import add_page, framed
from clone_studio.state.files import FilesState
from clone_studio.state.viewer import ViewerState

ROUTE = "/files/[slug]"


def _empty() -> rx.Component:
    return empty_state(
        "file-up",
        "Drop a document anywhere on this page",
        "The clone answers only from what is here. Begin with one good document: "
        "a book, a manual, a set of notes.",
    )


def _rows() -> rx.Component:
    none_found = empty_state("search-x", "No file matches", "Change the words or the state above.")
    return rx.cond(
        FilesState.rows.length() > 0,
        files.file_table(
            FilesState.rows,
            FilesState.clone,
            FilesState.retry,
            FilesState.cancel,
            FilesState.ask_delete,
        ),
        rx.cond(FilesState.filters, none_found, _empty()),
    )


def _table() -> rx.Component:
    return rx.el.div(
        rx.el.p(
            "What ",
            FilesState.clone_name,
            " answers from. PDF, plain text and Markdown, up to ",
            FilesState.limit_words,
            " each; drop them anywhere on this page.",
            class_name="muted files-lead",
        ),
        rebuild.rebuild_note(FilesState.rebuild),
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
        files.delete_question(
            FilesState.asking_name,
            FilesState.asking_id != "",
            FilesState.delete,
            FilesState.keep,
        ),
        _rows(),
        rx.cond(
            FilesState.has_more,
            button("Show more files", kind="quiet", on_click=FilesState.more),
        ),
        class_name="files",
    )


def _viewer() -> rx.Component:
    return viewer.viewer(
        name=ViewerState.name,
        back="/files/" + FilesState.clone,
        navigation=sources.pager(
            ViewerState.page, ViewerState.page_count, ViewerState.label, ViewerState.turn
        ),
        text=sources.page_text(
            ViewerState.before, ViewerState.marked, ViewerState.after, ViewerState.place
        ),
        passages=viewer.passage_list(
            ViewerState.chunks,
            ViewerState.chunk_count,
            ViewerState.has_more,
            ViewerState.show_chunk,
            ViewerState.more,
        ),
        original=ViewerState.original,
    )


def _missing(words: rx.Var[str], label: str, to: rx.Var[str] | str) -> rx.Component:
    return empty_state("file-question", words, "Look among the others.", button_link(label, to=to))


def _skeleton() -> rx.Component:
    return loading(bone("40%"), *[bone(height="44px") for _ in range(5)], class_name="files stack")


def content() -> rx.Component:
    """Return the page without its frame."""
    return page_state(
        FilesState.ready,
        FilesState.problem,
        skeleton=_skeleton(),
        on_retry=FilesState.open,
        content=rx.cond(
            FilesState.missing,
            _missing(FilesState.missing, "All clones", "/clones"),
            rx.cond(
                ViewerState.missing,
                _missing(ViewerState.missing, "All files", "/files/" + FilesState.clone),
                rx.cond(ViewerState.file_id, _viewer(), _table()),
            ),
        ),
    )


def view() -> rx.Component:
    """Return the page."""
    return framed(content(), kind="files", title="Files", of_clone=True)


def register(app: rx.App) -> None:
    """Add the page to the app."""
    add_page(app, view, ROUTE, "Files", on_load=[FilesState.open, ViewerState.open])
