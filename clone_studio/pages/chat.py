"""Chat: threads on the left, the conversation in the middle, the opened source on the right."""

from typing import Any

import reflex as rx

from clone_studio.components import chat, chat_threads, sources
from clone_studio.components.markdown import markdown
from clone_studio.state.answer import PARTS, AnswerState, part_name
from clone_studio.state.chat import ChatState
from clone_studio.state.chat_rows import MessageRow, SpanRow
from clone_studio.state.composer import ComposerState
from clone_studio.state.sources import PASSAGE, SourceState
from clone_studio.state.threads import NEW, ThreadsState

ROUTE = "/chat/[slug]/[[thread]]"


@rx.memo
def prose(text: rx.Var[str]) -> rx.Component:
    """Render Markdown again only when it changes: a growing answer leaves the others alone."""
    return markdown(text, on_cite=SourceState.open)


@rx.memo
def bubble(row: rx.Var[MessageRow], timed: rx.Var[bool]) -> rx.Component:
    """Render one settled bubble again only when its row changes."""
    return rx.cond(
        row.role == "user",
        chat.question_bubble(row),
        chat.answer_bubble(
            row,
            prose(text=row.text),
            _face(),
            ChatState.clone_name,
            timed=timed,
            spans=ChatState.timed_spans,
            on_times=ChatState.show_times,
            on_again=ChatState.try_again,
            on_cite=SourceState.open,
        ),
    )


def _face() -> rx.Component:
    return chat.face(ChatState.clone_name, ChatState.clone_avatar)


def _bubble(row: rx.Var[Any]) -> rx.Component:
    return bubble(row=row, timed=ChatState.timed_id == row.key, key=row.key)


def _running() -> rx.Component:
    parts = [prose(text=getattr(AnswerState, part_name(index))) for index in range(PARTS)]
    waiting = (AnswerState.tail == "") & (getattr(AnswerState, part_name(0)) == "")
    return rx.cond(
        AnswerState.message_id != "",
        chat.running_answer(parts, prose(text=AnswerState.tail), waiting, _face()),
    )


def _messages() -> rx.Component:
    empty = (ChatState.rows.length() == 0) & (ChatState.recent.length() == 0)
    return rx.fragment(
        rx.cond(
            ChatState.has_earlier,
            rx.el.button(
                "Earlier messages",
                type="button",
                class_name="quiet-button chat-earlier",
                on_click=ChatState.earlier,
            ),
        ),
        rx.cond(
            empty & (AnswerState.message_id == ""),
            chat.welcome(
                ChatState.clone_name,
                _face(),
                ChatState.greeting,
                ChatState.purpose,
                ChatState.examples,
                ChatState.ask_example,
                ChatState.files == 0,
                "/files/" + ChatState.clone,
            ),
        ),
        rx.foreach(ChatState.rows, _bubble),
        rx.foreach(ChatState.recent, _bubble),
        _running(),
    )


def _composer() -> rx.Component:
    hint = rx.cond(
        ChatState.quoting,
        rx.el.span(
            rx.icon("quote", size=16, aria_hidden="true"),
            "Quoting mode: answers are passages from the files. Set OPENAI_API_KEY to have them written.",
            class_name="chat-mode",
        ),
    )
    return chat.composer(
        ComposerState.version,
        ComposerState.text,
        ComposerState.problem,
        ChatState.clone_name,
        AnswerState.message_id != "",
        hint,
        on_send=ChatState.send,
        on_keep=ComposerState.keep,
        on_stop=ChatState.stop,
    )


def _threads() -> rx.Component:
    return rx.el.nav(
        rx.el.div(
            rx.link(
                rx.icon("plus", size=16, aria_hidden="true"),
                "New thread",
                href="/chat/" + ChatState.clone + "/" + NEW,
                class_name="thread-new",
            ),
            class_name="threads-head",
        ),
        rx.cond(
            ThreadsState.undo_id,
            chat_threads.undo_line(
                ThreadsState.undo_title, ThreadsState.undo, ThreadsState.forget_undo
            ),
        ),
        chat_threads.thread_list(
            ThreadsState.rows,
            ChatState.clone,
            ThreadsState.open_id,
            ThreadsState.renaming,
            ThreadsState.has_more,
            on_rename=ThreadsState.rename,
            on_save=ThreadsState.save_title,
            on_cancel=ThreadsState.cancel_rename,
            on_delete=ThreadsState.delete,
            on_more=ThreadsState.more,
        ),
        class_name="chat-threads",
        aria_label="Threads",
    )


def _source() -> rx.Component:
    navigation = rx.el.div(
        rx.cond(
            SourceState.page_count > 1,
            sources.pager(
                SourceState.page, SourceState.page_count, SourceState.page_label, SourceState.turn
            ),
            rx.el.p(SourceState.page_label, class_name="pager-label"),
        ),
        rx.cond(
            SourceState.marked == "",
            rx.el.button(
                "Back to the passage",
                type="button",
                class_name="quiet-button",
                on_click=SourceState.back_to_mark,
            ),
        ),
        class_name="source-navigation",
    )
    return rx.cond(
        SourceState.shown,
        sources.source_panel(
            SourceState.number,
            SourceState.file_name,
            navigation,
            sources.page_text(
                SourceState.before, SourceState.marked, SourceState.after, PASSAGE
            ),
            SourceState.gone,
            SourceState.quote,
            SourceState.original,
            SourceState.viewer,
            SourceState.close,
        ),
    )


def _conversation() -> rx.Component:
    return rx.el.section(
        rx.el.div(
            rx.el.button(
                rx.icon("panel-left", size=16, aria_hidden="true"),
                rx.el.span("Threads"),
                type="button",
                class_name="quiet-button",
                aria_expanded=~ThreadsState.collapsed,
                on_click=ThreadsState.toggle,
            ),
            class_name="chat-bar-top",
        ),
        # The scroller runs from its end: it stays there while text grows, and keeps its
        # place for a reader who has scrolled up. Its one child keeps the usual order.
        rx.el.div(
            rx.el.div(_messages(), class_name="chat-column"),
            class_name="chat-scroll",
            tab_index=0,
            role="region",
            aria_label="Conversation",
        ),
        rx.el.p(ChatState.spoken, class_name="sr-only", role="status"),
        _composer(),
        class_name="chat-conversation",
    )


def _missing() -> rx.Component:
    return rx.el.section(
        rx.el.h2(ChatState.missing),
        rx.link("Begin a new thread", href="/chat/" + rx.State.slug.to(str) + "/" + NEW),
        class_name="chat-missing",
    )


def _skeleton() -> rx.Component:
    return rx.el.div(
        rx.el.div(class_name="skeleton chat-skeleton-question"),
        rx.el.div(class_name="skeleton chat-skeleton-answer"),
        class_name="chat-column",
        aria_hidden="true",
    )


def content() -> rx.Component:
    """Return the page without its frame."""
    return rx.el.div(
        rx.window_event_listener(
            on_key_down=lambda key, _info: rx.cond(
                key == "Escape", SourceState.close(), rx.noop()
            )
        ),
        rx.cond(
            ChatState.ready,
            rx.cond(
                ChatState.missing,
                _missing(),
                rx.fragment(_threads(), _conversation(), _source()),
            ),
            _skeleton(),
        ),
        class_name="chat",
        data_threads=rx.cond(ThreadsState.collapsed, "closed", "open"),
        data_source=rx.cond(SourceState.shown, "open", "closed"),
    )
