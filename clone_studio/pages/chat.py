"""Chat: threads on the left, the conversation in the middle, the opened source on the right."""

from typing import Any

import reflex as rx

from clone_studio.components import chat, chat_threads, sources
from clone_studio.components.buttons import button, button_link, icon_button, link
from clone_studio.components.markdown import markdown
from clone_studio.components.overlays import sheet
from clone_studio.components.surfaces import (
    avatar,
    bone,
    empty_state,
    loading,
    no_clone,
    page_state,
)
from clone_studio.pages.layout import add_page, framed
from clone_studio.state.answer import PARTS, AnswerState, part_name
from clone_studio.state.chat import ChatState
from clone_studio.state.chat_rows import MessageRow
from clone_studio.state.composer import ComposerState
from clone_studio.state.sources import SourceState
from clone_studio.state.threads import ThreadsState
from clone_studio.state.turns import TURNS, TurnsState, turn_name

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
        chat.question_bubble(row.text),
        chat.answer_bubble(
            row,
            prose(text=row.text),
            _face(),
            ChatState.clone_name,
            timed=timed,
            speaks=ChatState.speaks,
            spans=ChatState.timed_spans,
            on_times=ChatState.show_times,
            on_again=ChatState.try_again,
            on_cite=SourceState.open,
        ),
    )


def _face() -> rx.Component:
    return avatar(ChatState.clone_letters, ChatState.clone_hue)


def _bubble(row: rx.Var[Any]) -> rx.Component:
    return rx.fragment(bubble(row=row, timed=ChatState.timed_id == row.key), key=row.key)


def _running() -> rx.Component:
    parts = [prose(text=getattr(AnswerState, part_name(index))) for index in range(PARTS)]
    waiting = (AnswerState.tail == "") & (getattr(AnswerState, part_name(0)) == "")
    return rx.cond(
        AnswerState.message_id != "",
        rx.fragment(
            rx.cond(AnswerState.question, chat.question_bubble(AnswerState.question)),
            chat.running_answer(
                parts,
                prose(text=AnswerState.tail),
                waiting,
                _face(),
                message_id=AnswerState.message_id,
                speaks=ChatState.speaks,
            ),
        ),
    )


def _messages() -> rx.Component:
    first_turn = getattr(TurnsState, turn_name(0))
    empty = (ChatState.rows.length() == 0) & (first_turn.length() == 0)
    return rx.fragment(
        rx.cond(
            ChatState.has_earlier,
            button("Earlier messages", kind="quiet", small=True, on_click=ChatState.earlier),
        ),
        rx.cond(
            empty & (AnswerState.message_id == ""),
            chat.welcome(
                ChatState.clone_name,
                _face(),
                greeting=ChatState.greeting,
                purpose=ChatState.purpose,
                examples=ChatState.examples,
                on_ask=ChatState.ask_example,
                without_files=ChatState.files == 0,
                files_address="/files/" + ChatState.clone,
            ),
        ),
        rx.foreach(ChatState.rows, _bubble),
        *[rx.foreach(getattr(TurnsState, turn_name(index)), _bubble) for index in range(TURNS)],
        _running(),
    )


def _composer() -> rx.Component:
    reading = rx.cond(
        ChatState.reading,
        rx.el.span(
            rx.icon("loader-circle", size=16, aria_hidden="true"),
            "Some files are still being read. An answer waits a few seconds for new ones.",
            class_name="chat-mode",
        ),
    )
    hint = rx.cond(
        ChatState.quoting,
        rx.el.span(
            rx.icon("quote", size=16, aria_hidden="true"),
            "Quoting mode: answers are quotes from the files. ",
            link("Connect a model", to="/settings#models"),
            class_name="chat-mode",
        ),
    )
    return chat.composer(
        ComposerState.version,
        ComposerState.text,
        ComposerState.problem,
        name=ChatState.clone_name,
        running=AnswerState.message_id != "",
        hint=rx.fragment(reading, hint),
        on_send=ChatState.send,
        on_keep=lambda text: ComposerState.keep(text, ChatState.clone),
        on_stop=ChatState.stop,
    )


def _threads(*beside: rx.Component) -> rx.Component:
    return rx.el.nav(
        rx.el.div(
            button_link("New thread", to=ChatState.new_address, icon="plus", small=True),
            *beside,
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
        sources.pager(
            SourceState.page, SourceState.page_count, SourceState.page_label, SourceState.turn
        ),
        rx.cond(
            SourceState.marked == "",
            button("Back to the passage", small=True, on_click=SourceState.back_to_mark),
        ),
        class_name="source-navigation",
    )
    return rx.cond(
        SourceState.shown,
        sources.source_panel(
            number=SourceState.number,
            file_name=SourceState.file_name,
            navigation=navigation,
            text=sources.page_text(
                SourceState.before, SourceState.marked, SourceState.after, SourceState.place
            ),
            gone=SourceState.gone,
            quote=SourceState.quote,
            original=SourceState.original,
            viewer=SourceState.viewer,
            on_close=SourceState.close,
        ),
    )


def _unfold(width: str, handler: Any) -> rx.Component:
    return rx.el.div(
        button("Threads", kind="quiet", icon="panel-left-open", small=True, on_click=handler),
        class_name=f"chat-unfold chat-unfold--{width}",
    )


def _conversation() -> rx.Component:
    return rx.el.section(
        _unfold("wide", ThreadsState.toggle),
        _unfold("narrow", ThreadsState.set_sheet(True)),
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
    return empty_state(
        "message-circle-off",
        ChatState.missing,
        "Ask something new; the other threads stand beside it.",
        button_link("New thread", to=ChatState.new_address, icon="plus"),
    )


def _skeleton() -> rx.Component:
    return loading(
        rx.el.div(bone(height="44px"), class_name="chat-bone-question"),
        bone("90%", "140px"),
        class_name="chat-column",
    )


def content() -> rx.Component:
    """Return the page without its frame."""
    return rx.el.div(
        rx.window_event_listener(
            on_key_down=lambda key, _info: rx.cond(key == "Escape", SourceState.close(), rx.noop())
        ),
        page_state(
            # A question typed to the clone that was open before would be lost with its field.
            ChatState.ready & (ChatState.shown_ref == ChatState.slug),
            ChatState.problem,
            skeleton=_skeleton(),
            on_retry=ChatState.open,
            content=rx.cond(
                ChatState.no_clone,
                no_clone(),
                rx.cond(ChatState.missing, _missing(), _open_chat()),
            ),
        ),
        class_name="chat",
        data_threads=rx.cond(ThreadsState.collapsed, "closed", "open"),
        data_source=rx.cond(SourceState.shown, "open", "closed"),
    )


def _open_chat() -> rx.Component:
    return rx.fragment(
        _threads(
            icon_button(
                "panel-left-close",
                "Fold the threads away",
                small=True,
                side="end",
                on_click=ThreadsState.toggle,
            )
        ),
        _conversation(),
        _source(),
        sheet(
            "Threads",
            _threads(),
            is_open=ThreadsState.sheet,
            on_open_change=ThreadsState.set_sheet,
            side="left",
        ),
    )


def view() -> rx.Component:
    """Return the page."""
    return framed(content(), kind="chat", title="Chat", of_clone=True, fixed=True)


def register(app: rx.App) -> None:
    """Add the page to the app."""
    add_page(app, view, ROUTE, "Chat", on_load=[ChatState.open])
