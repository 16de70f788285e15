"""The conversation: bubbles, the answer in progress, the empty state and the composer."""

from typing import Any

import reflex as rx

from clone_studio.components.audio import speak_button
from clone_studio.components.buttons import button, icon_button, link
from clone_studio.components.chat_times import times


def question_bubble(text: rx.Var[str]) -> rx.Component:
    """Return the bubble of what the reader asked, as plain text."""
    return rx.el.article(
        rx.el.h3("You asked", class_name="sr-only"),
        rx.el.div(text, class_name="chat-bubble chat-question"),
        class_name="chat-turn chat-turn-user",
    )


def answer_bubble(
    row: rx.Var[Any],
    body: rx.Component,
    who: rx.Component,
    name: rx.Var[str],
    *,
    timed: rx.Var[bool],
    speaks: rx.Var[bool],
    spans: rx.Var[list[Any]],
    on_times: Any,
    on_again: Any,
    on_cite: Any,
) -> rx.Component:
    """Return the bubble of a finished answer: text, note, sources, and what can be done with it.

    Args:
        row: A `MessageRow`.
        body: Its text, rendered.
        who: The clone's face.
        name: The clone's name, for those who do not see the face.
        timed: Whether the waterfall of this answer is open.
        speaks: Whether answers can be heard.
        spans: The waterfall's bars.
        on_times: Opens or closes the waterfall, takes the message's id.
        on_again: Asks again, takes the message's id.
        on_cite: Opens a source, takes the address of its chip.
    """
    unfinished = (row.state == "failed") | (row.state == "interrupted")
    return rx.el.article(
        who,
        rx.el.div(
            rx.el.h3(name, " answered", class_name="sr-only"),
            rx.el.div(
                body,
                rx.cond(row.note, _note(row, unfinished, on_again)),
                class_name="chat-bubble chat-answer",
            ),
            rx.cond(row.sources.length() > 0, _sources(row, on_cite)),
            _actions(row, timed, speaks, on_times),
            rx.cond(timed, times(spans)),
            class_name="chat-said",
        ),
        class_name="chat-turn chat-turn-clone",
    )


def _note(row: rx.Var[Any], unfinished: rx.Var[bool], on_again: Any) -> rx.Component:
    return rx.el.div(
        rx.icon("circle-alert", size=16, aria_hidden="true"),
        rx.el.span(row.note),
        rx.cond(
            unfinished,
            button("Try again", icon="rotate-cw", small=True, on_click=on_again(row.key)),
        ),
        class_name="chat-note",
        data_state=row.state,
    )


def _sources(row: rx.Var[Any], on_cite: Any) -> rx.Component:
    def source(chip: rx.Var[Any]) -> rx.Component:
        return rx.el.li(
            rx.el.button(
                rx.el.span(chip.number, class_name="cite", aria_hidden="true"),
                rx.el.span(chip.label, class_name="chat-source-label"),
                type="button",
                class_name="chat-source",
                title=chip.label,
                on_click=on_cite(chip.href),
            )
        )

    return rx.el.ul(
        rx.foreach(row.sources, source), class_name="chat-sources", aria_label="Sources"
    )


def _listen(message_id: rx.Var[Any]) -> rx.Component:
    return speak_button(message_id, "Listen to this answer")


def _actions(
    row: rx.Var[Any], timed: rx.Var[bool], speaks: rx.Var[bool], on_times: Any
) -> rx.Component:
    return rx.el.div(
        rx.cond(speaks & (row.plain != ""), _listen(row.key)),
        rx.cond(
            row.plain,
            button(
                "Copy",
                kind="quiet",
                icon="copy",
                small=True,
                class_name="copies",
                aria_label="Copy this answer",
                on_click=rx.set_clipboard(row.plain),
            ),
        ),
        rx.cond(
            row.has_spans,
            button(
                row.meta,
                kind="quiet",
                icon="timer",
                small=True,
                class_name="figures",
                aria_expanded=timed,
                aria_label=row.meta.to(str) + ", show where the time went",
                on_click=on_times(row.key),
            ),
        ),
        rx.cond(row.quoting, rx.el.span("Quoted, no model", class_name="meta")),
        rx.el.time(row.moment, title=row.exact, class_name="meta figures"),
        class_name="chat-actions",
    )


def running_answer(
    parts: list[rx.Component],
    tail: rx.Component,
    waiting: rx.Var[bool],
    who: rx.Component,
    *,
    message_id: rx.Var[str],
    speaks: rx.Var[bool],
) -> rx.Component:
    """Return the bubble of the answer in progress; it can be heard before it is complete.

    Finished paragraphs are read out once, as they are added; the growing one is not, or a
    screen reader would begin it again ten times a second.
    """
    return rx.el.article(
        who,
        rx.el.div(
            rx.el.div(
                rx.cond(
                    waiting,
                    rx.el.div(
                        rx.el.span(),
                        rx.el.span(),
                        rx.el.span(),
                        class_name="chat-dots",
                        role="img",
                        aria_label="Looking through the files",
                    ),
                ),
                rx.el.div(*parts, aria_live="polite", aria_relevant="additions"),
                rx.el.div(tail, aria_live="off", class_name="chat-tail"),
                class_name="chat-bubble chat-answer",
            ),
            rx.cond(
                speaks & ~waiting,
                rx.el.div(_listen(message_id), class_name="chat-actions"),
            ),
            class_name="chat-said",
        ),
        class_name="chat-turn chat-turn-clone chat-running",
        aria_busy="true",
    )


def welcome(
    name: rx.Var[str],
    who: rx.Component,
    *,
    greeting: rx.Var[str],
    purpose: rx.Var[str],
    examples: rx.Var[list[str]],
    on_ask: Any,
    without_files: rx.Var[bool],
    files_address: rx.Var[str],
) -> rx.Component:
    """Return what an empty thread shows: who this is, and questions that are one click away."""

    def example(question: rx.Var[str]) -> rx.Component:
        return rx.el.li(
            rx.el.button(
                question, type="button", class_name="chat-example", on_click=on_ask(question)
            )
        )

    return rx.el.section(
        who,
        rx.el.h2(name),
        rx.cond(purpose, rx.el.p(purpose, class_name="chat-purpose")),
        rx.cond(greeting, rx.el.p(greeting, class_name="chat-greeting")),
        rx.cond(
            examples.length() > 0,
            rx.el.ul(
                rx.foreach(examples, example),
                class_name="chat-examples",
                aria_label="Questions to begin with",
            ),
        ),
        rx.cond(
            without_files,
            rx.el.p(
                "This clone has no files yet, so it has nothing to answer from. ",
                link("Add its first file", to=files_address),
                class_name="chat-hint",
            ),
        ),
        class_name="chat-welcome",
    )


def composer(
    version: rx.Var[int],
    text: rx.Var[str],
    problem: rx.Var[str],
    *,
    name: rx.Var[str],
    running: rx.Var[bool],
    hint: rx.Component,
    on_send: Any,
    on_keep: Any,
    on_stop: Any,
) -> rx.Component:
    """Return the field for the next question, with Send or, while an answer runs, Stop.

    The field keeps its own text; `version` makes it anew with `text` when the page wants it
    emptied or refilled.
    """
    return rx.el.form(
        rx.cond(
            problem,
            rx.el.p(problem, id="composer-problem", class_name="chat-problem", role="alert"),
        ),
        _field(version, text, name, running, on_keep, on_stop),
        rx.el.div(
            hint,
            rx.el.span("Enter sends, Shift+Enter begins a new line", id="composer-help"),
            class_name="chat-help",
        ),
        on_submit=on_send,
        class_name="chat-composer",
    )


def _field(
    version: rx.Var[int],
    text: rx.Var[str],
    name: rx.Var[str],
    running: rx.Var[bool],
    on_keep: Any,
    on_stop: Any,
) -> rx.Component:
    return rx.el.div(
        rx.el.label("Your question", html_for="question", class_name="sr-only"),
        rx.el.textarea(
            key=version.to(str),
            id="question",
            name="question",
            default_value=text,
            placeholder="Ask " + name + " a question",
            rows="1",
            auto_focus=True,
            enter_key_submit=True,
            auto_height=True,
            on_change=lambda text: on_keep(text).debounce(400),
            aria_describedby="composer-help composer-problem",
            class_name="chat-input",
        ),
        rx.cond(
            running,
            button("Stop", icon="square", class_name="chat-send", on_click=on_stop),
            icon_button(
                "arrow-up",
                "Send",
                kind="primary",
                side="top",
                shortcut="Enter",
                type="submit",
                class_name="chat-send",
            ),
        ),
        class_name="chat-field",
    )
