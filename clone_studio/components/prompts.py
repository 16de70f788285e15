"""The prompts of a clone: tabs, the editor, the history, a version's difference, the preview."""

from typing import Any

import reflex as rx

from clone_studio.components.arrival import ArrivalHeading
from clone_studio.components.buttons import button, icon_button
from clone_studio.components.fields import field, text_input
from clone_studio.components.overlays import dialog, dialog_actions, dialog_close
from clone_studio.components.surfaces import chip, empty_state, status

EDITOR, MESSAGE = "prompt-text", "prompt-message"
TYPING_MS = 600


def _value(element_id: str) -> rx.Var[str]:
    """Return what a control holds at the moment of the click, typed a moment ago or not."""
    return rx.Var(f'(document.getElementById("{element_id}")?.value ?? "")', _var_type=str)


TEXT, NOTE = _value(EDITOR), _value(f"field-{MESSAGE}")


def tabs(state: Any) -> rx.Component:
    """Return the three layers; each tab says what is in force in it."""

    def tab(row: rx.Var[Any]) -> rx.Component:
        return rx.el.button(
            rx.el.span(row.title, class_name="tab__title"),
            rx.el.span(row.in_force, class_name="tab__note"),
            rx.cond(
                row.has_draft,
                rx.el.span(class_name="tab__dot", role="img", aria_label="unsaved"),
            ),
            type="button",
            role="tab",
            aria_selected=rx.cond(state.layer == row.key, "true", "false"),
            aria_controls="prompt-editor",
            class_name="tab",
            on_click=state.choose(row.key, TEXT),
            key=row.key,
        )

    return rx.el.div(
        rx.foreach(state.tabs, tab), role="tablist", aria_label="Layers", class_name="tabs"
    )


def editor(state: Any) -> rx.Component:
    """Return the text of the layer with its checks, and the buttons that save it."""
    return rx.el.section(
        rx.el.p(state.note, class_name="muted"),
        rx.el.label("Text of this layer", html_for=EDITOR, class_name="sr-only"),
        rx.el.textarea(
            id=EDITOR,
            default_value=state.text,
            key=state.form_key,
            on_change=lambda text: state.typed(text, state.form_key).debounce(TYPING_MS),
            on_blur=lambda text: state.typed(text, state.form_key),
            spell_check=False,
            class_name="input prompt-text",
            aria_describedby="prompt-check",
            aria_invalid=rx.cond(state.check.problems.length() > 0, "true", "false"),
        ),
        _checks(state),
        rx.cond(state.overtaken, _warning(state.overtaken)),
        rx.cond(state.behind & ~state.has_draft, _warning(state.behind)),
        _saving(state),
        id="prompt-editor",
        role="tabpanel",
        aria_label="Layer",
        class_name="prompt-editor stack",
    )


def _checks(state: Any) -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.span(state.check.size, class_name="meta figures"),
            rx.cond(state.has_draft, status(state.draft_words, "warning")),
            class_name="row prompt-size",
        ),
        rx.el.div(
            rx.foreach(state.check.problems, lambda words: _line(words, "circle-alert", "danger")),
            rx.foreach(
                state.check.warnings, lambda words: _line(words, "triangle-alert", "warning")
            ),
            role="status",
        ),
        rx.el.details(
            rx.el.summary("Variables of this layer"),
            rx.el.p(rx.el.code(state.variables), class_name="prompt-variables"),
        ),
        id="prompt-check",
        class_name="prompt-checks",
    )


def _line(words: rx.Var[str], icon: str, tone: str) -> rx.Component:
    return rx.el.p(rx.icon(icon, size=14), rx.el.span(words), class_name=f"prompt-line is-{tone}")


def _warning(words: rx.Var[str]) -> rx.Component:
    return rx.el.p(rx.icon("triangle-alert", size=16), rx.el.span(words), class_name="form-note")


def _saving(state: Any) -> rx.Component:
    return rx.el.div(
        field(
            "What changed, and why",
            text_input(MESSAGE, max_length=500, key=state.form_key, auto_complete="off"),
            name=MESSAGE,
            note="Stands in the history. May be empty.",
        ),
        rx.cond(
            state.save_problem,
            rx.el.div(
                rx.icon("circle-alert", size=16),
                rx.el.span(state.save_problem),
                rx.cond(
                    state.conflict,
                    button("Save mine as well", on_click=state.save_anyway(TEXT, NOTE)),
                ),
                class_name="prompt-line is-danger",
                role="alert",
            ),
        ),
        rx.el.div(
            button("Save", kind="plain", on_click=state.save(TEXT, NOTE, False)),
            button("Save and activate", kind="primary", on_click=state.save(TEXT, NOTE, True)),
            button("Preview", kind="quiet", icon="eye", on_click=state.render(TEXT)),
            rx.cond(
                state.has_draft,
                button("Discard what I typed", kind="quiet", on_click=state.discard),
            ),
            class_name="row prompt-buttons",
        ),
        class_name="stack",
    )


def history(state: Any) -> rx.Component:
    """Return the versions, newest first, with what can be done with each."""
    return rx.el.aside(
        rx.el.h2("History"),
        rx.cond(
            state.versions.length() > 0,
            rx.el.ol(
                rx.foreach(state.versions, lambda row: _version(state, row)), class_name="versions"
            ),
            empty_state(
                "history",
                "No version yet",
                "The text comes from the template. Saving makes version 1.",
            ),
        ),
        rx.cond(state.has_more, button("Show older versions", kind="quiet", on_click=state.more)),
        rx.cond(
            state.good.length() > 0,
            rx.el.div(
                rx.el.h3("Answered before"),
                rx.el.div(rx.foreach(state.good, lambda row: _good(state, row)), class_name="row"),
                class_name="stack",
            ),
        ),
        class_name="prompt-history stack",
        aria_label="History",
    )


def _good(state: Any, row: rx.Var[Any]) -> rx.Component:
    return button(
        "Activate ",
        row.title,
        small=True,
        icon="undo-2",
        title=row.message,
        on_click=state.activate(row.key),
        key=row.key,
    )


def _version(state: Any, row: rx.Var[Any]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.strong(row.title),
            rx.cond(row.is_active, status("In force", "success")),
            rx.cond(row.badge, chip(row.badge)),
            class_name="row",
        ),
        rx.el.p(row.message, class_name="version__message"),
        rx.el.p(row.who, " · ", rx.el.time(row.moment, title=row.exact), class_name="meta"),
        rx.el.div(
            button(
                "View",
                small=True,
                kind="quiet",
                aria_label="View " + row.title.to(str),
                on_click=state.show(row.key),
            ),
            rx.cond(
                row.is_active,
                rx.fragment(),
                rx.fragment(
                    button(
                        "Activate",
                        small=True,
                        kind="quiet",
                        aria_label="Activate " + row.title.to(str),
                        on_click=state.activate(row.key),
                    ),
                    button(
                        "Restore",
                        small=True,
                        kind="quiet",
                        aria_label="Restore " + row.title.to(str),
                        on_click=state.restore(row.key),
                    ),
                ),
            ),
            class_name="row version__actions",
        ),
        class_name="version",
        custom_attrs={"data-active": row.is_active.to(str)},
        key=row.key,
    )


def opened_version(state: Any) -> rx.Component:
    """Return a version of the history, as its difference from what is in force."""
    return rx.cond(
        state.shown.key,
        rx.el.section(
            rx.el.div(
                ArrivalHeading.create(text=state.shown.title, place=state.shown_place),
                rx.el.span(state.shown_against, class_name="muted grow"),
                icon_button("x", "Close this version", side="end", on_click=state.hide),
                class_name="row",
            ),
            rx.el.pre(rx.foreach(state.shown_lines, _diff_line), class_name="diff", tab_index=0),
            class_name="card card--padded stack",
            aria_label="Version " + state.shown.title.to(str),
        ),
    )


def _diff_line(row: rx.Var[Any]) -> rx.Component:
    mark = rx.match(row.kind, ("added", "+ "), ("removed", "- "), "  ")
    return rx.el.span(mark, row.text, "\n", custom_attrs={"data-kind": row.kind})


def preview(state: Any) -> rx.Component:
    """Return the whole prompt as a model would get it; nothing until it is asked for."""

    def layer(row: rx.Var[Any]) -> rx.Component:
        return rx.el.div(
            rx.el.h3(row.title, " ", rx.el.span(row.meta, class_name="meta")),
            rx.cond(
                row.problem,
                _line(row.problem, "circle-alert", "danger"),
                rx.el.pre(row.text, class_name="prompt-rendered", tab_index=0),
            ),
            key=row.key,
        )

    return rx.cond(
        state.preview.length() > 0,
        rx.el.section(
            ArrivalHeading.create(text="As the model gets it", place=state.preview_place),
            rx.el.p(state.preview_words, class_name="muted"),
            rx.foreach(state.preview, layer),
            class_name="card card--padded stack",
            aria_label="Preview",
        ),
    )


def templates(state: Any) -> rx.Component:
    """Return the templates that can take the place of all three layers."""

    def template(row: rx.Var[Any]) -> rx.Component:
        return rx.el.li(
            rx.el.div(
                rx.el.p(row.title, class_name="list-row__name"),
                rx.el.p(row.description, class_name="meta"),
                class_name="grow",
            ),
            button(
                "Apply",
                small=True,
                aria_label="Apply " + row.title.to(str),
                on_click=state.ask_template(row.key),
            ),
            class_name="list-row",
            key=row.key,
        )

    return rx.el.section(
        rx.el.h2("Templates"),
        rx.el.p(state.provenance, class_name="muted"),
        rx.el.ul(rx.foreach(state.templates, template), class_name="list"),
        dialog(
            "Apply “" + state.asking.title.to(str) + "”?",
            dialog_actions(
                dialog_close(button("Keep the prompts")),
                button("Apply and activate", kind="primary", on_click=state.apply_template),
            ),
            text="All three layers are saved as new versions with its texts, and answer from "
            "then on. The present versions stay in the history.",
            is_open=state.asking.key != "",
            on_open_change=state.keep_prompts,
        ),
        class_name="stack",
        aria_label="Templates",
    )
