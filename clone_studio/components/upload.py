"""The upload queue of the Files page: a thin wrapper of `assets/components/upload.jsx`.

Reflex's own upload route has neither a size limit nor an owner check and serves what it
stores to everyone, so files go to the studio's API and Reflex never sees their bytes.
"""

import reflex as rx

ACCEPTED = ".pdf,.txt,.md,.markdown,application/pdf,text/plain,text/markdown"


def _settled(file_id: rx.Var[str], outcome: rx.Var[str]) -> tuple[rx.Var[str], rx.Var[str]]:
    """Arguments of `on_settled`: the new file's id (may be empty), and stored, there or refused."""
    return file_id, outcome


class Uploader(rx.Component):
    """A button, a drop zone as large as the page, and the queue of what is being sent.

    `on_settled` is a hint that an upload ended: the handler re-reads the rows and trusts
    neither argument.
    """

    library = "$/public/components/upload.jsx"
    tag = "Uploader"

    endpoint: rx.Var[str]
    max_bytes: rx.Var[int]
    accept: rx.Var[str]
    button_label: rx.Var[str]
    drop_label: rx.Var[str]
    on_settled: rx.EventHandler[_settled]


def uploader(
    endpoint: rx.Var[str],
    max_bytes: rx.Var[int] | int,
    drop_label: rx.Var[str] | str,
    on_settled: rx.event.EventType[str, str],
) -> rx.Component:
    """Return the upload queue that posts each file as the multipart field `file`.

    Args:
        endpoint: Address that takes the files; empty disables the queue.
        max_bytes: Larger files are refused before they are sent.
        drop_label: What the page says while files are dragged over it.
        on_settled: Called with `(file_id, outcome)` when an upload ended.
    """
    return Uploader.create(
        endpoint=endpoint,
        max_bytes=max_bytes,
        accept=ACCEPTED,
        button_label="Choose files",
        drop_label=drop_label,
        on_settled=on_settled,
    )
