"""The sections of the Settings page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import reflex as rx

from clone_studio.components.buttons import button
from clone_studio.components.fields import field, post_form, text_input
from clone_studio.components.overlays import dialog, dialog_actions, dialog_close
from clone_studio.components.surfaces import bone, card, chip, loading, status_of

_SET_MODE = "setColorMode"
_MODES = (
    ("light", "sun", "Light"),
    ("dark", "moon", "Dark"),
    ("system", "monitor", "As the system"),
)


@dataclass(frozen=True)
class Section:
    """One section of the page: what its heading and its entry in the navigation say.

    `words` and `tone` are how it stands, for its dot.
    """

    anchor: str
    title: str
    words: Any
    tone: Any = "neutral"


def section(about: Section, text: str | rx.Component, *children: Any) -> rx.Component:
    """Return one section of the page, with a heading that a link can point to."""
    return card(
        rx.el.div(
            rx.el.div(rx.el.h2(about.title), rx.el.p(text, class_name="meta")),
            _standing(about),
            class_name="card__head",
        ),
        rx.el.div(*children, class_name="card__body"),
        id=about.anchor,
    )


def sections_nav(sections: Sequence[Section]) -> rx.Component:
    """Return the navigation between the sections, each with its dot and words."""
    return rx.el.nav(
        *(
            rx.el.a(
                rx.el.span(class_name=rx.Var.create("dot dot--") + one.tone, aria_hidden="true"),
                rx.el.span(
                    rx.el.span(one.title, class_name="sections-nav__title"),
                    rx.el.span(one.words, class_name="meta one-line"),
                    class_name="sections-nav__words",
                ),
                href=f"#{one.anchor}",
                class_name="sections-nav__item",
            )
            for one in sections
        ),
        class_name="sections-nav",
        aria_label="Sections",
    )


def _standing(about: Section) -> rx.Component:
    tone = about.tone if isinstance(about.tone, rx.Var) else rx.Var.create(about.tone)
    return rx.cond(about.words, status_of(about.words, tone), rx.fragment())


def account_form(state: Any) -> rx.Component:
    """Return the form with name and email address."""
    name_error = state.account_errors["name"].to(str)
    email_error = state.account_errors["email"].to(str)
    return rx.el.form(
        rx.el.div(
            field(
                "Name",
                text_input(
                    "name", error=name_error, default_value=state.name, auto_complete="name"
                ),
                name="name",
                error=name_error,
            ),
            field(
                "Email address",
                text_input(
                    "email",
                    error=email_error,
                    default_value=state.email,
                    type="email",
                    auto_complete="email",
                ),
                name="email",
                error=email_error,
            ),
            class_name="two-fields",
        ),
        rx.el.div(button("Save account", type="submit"), class_name="form-end"),
        on_submit=state.save_account,
        custom_attrs={"noValidate": True},
        key=state.account_key,
    )


def password_form(state: Any) -> rx.Component:
    """Return the form that sets or changes the password."""

    def secret(name: str, label: str, complete: str, note: str = "") -> rx.Component:
        error = state.password_errors[name].to(str)
        control = text_input(name, error=error, type="password", auto_complete=complete)
        return field(label, control, name=name, note=note, error=error)

    return rx.el.form(
        rx.cond(
            state.has_password,
            secret("current", "Present password", "current-password"),
            rx.el.p(
                "No password is set: you sign in with one-time links. With a password you can "
                "sign in without a link.",
                class_name="muted",
            ),
        ),
        rx.el.div(
            secret("new", "New password", "new-password"),
            secret("again", "New password, once more", "new-password"),
            class_name="two-fields",
        ),
        rx.el.div(
            button(rx.cond(state.has_password, "Change password", "Set password"), type="submit"),
            class_name="form-end",
        ),
        on_submit=state.save_password,
        class_name="stack loose",
        key=state.password_key.to_string(),
    )


def places(state: Any) -> rx.Component:
    """Return where the user is signed in."""
    return rx.el.ul(
        rx.foreach(
            state.places,
            lambda row: rx.el.li(
                rx.icon("monitor", size=16),
                rx.el.div(
                    rx.el.p(row.browser),
                    rx.el.p("Last used ", row.seen, class_name="meta", title=row.seen_exact),
                    class_name="grow",
                ),
                rx.cond(
                    row.is_here,
                    chip("This browser"),
                    button(
                        "Sign out",
                        small=True,
                        on_click=state.end_session(row.key),
                        aria_label=rx.Var.create("Sign out ") + row.browser,
                    ),
                ),
                class_name="list-row",
                key=row.key,
            ),
        ),
        class_name="list",
    )


def sign_out_buttons(state: Any) -> rx.Component:
    """Return the buttons that end this session, or all of them."""
    return rx.el.div(
        post_form(button("Sign out", type="submit", icon="log-out"), action="/api/auth/sign-out"),
        button("Sign out everywhere…", kind="quiet", on_click=state.set_everywhere_open(True)),
        dialog(
            "Sign out everywhere",
            post_form(
                dialog_actions(
                    dialog_close(button("Stay signed in")),
                    button("Sign out everywhere", kind="danger", type="submit"),
                ),
                action="/api/auth/sign-out-everywhere",
            ),
            is_open=state.everywhere_open,
            on_open_change=state.set_everywhere_open,
            text="Every browser is signed out, this one too, and access tokens of programs end.",
        ),
        class_name="row",
    )


def color_mode_choice() -> rx.Component:
    """Return the choice between light, dark and what the system says.

    It calls Reflex's own setter in the browser: an event from the server would need `eval`.
    """
    return rx.el.div(
        *(
            rx.el.button(
                rx.icon(icon, size=16),
                words,
                type="button",
                on_click=_set_mode(mode),
                aria_pressed=rx.cond(rx.color_mode == mode, "true", "false"),
                class_name="segment",
            )
            for mode, icon, words in _MODES
        ),
        class_name="segments",
        role="group",
        aria_label="Appearance",
    )


def color_mode_words() -> rx.Var[str]:
    """Return the words of the choice that holds in this browser."""
    return rx.match(rx.color_mode, *((mode, words) for mode, _, words in _MODES), _MODES[-1][2])


def _set_mode(mode: str) -> rx.Var[Any]:
    setter = rx.color_mode._replace(_js_expr=_SET_MODE)
    context = f"const {{ {_SET_MODE} }} = useContext(ColorModeContext)"
    data = rx.vars.VarData(imports=dict(setter._get_all_var_data().imports), hooks={context: None})
    return rx.Var(f'() => {_SET_MODE}("{mode}")', _var_type=rx.EventChain, _var_data=data)


def settings_skeleton() -> rx.Component:
    """Return the page before it is there."""
    one = rx.el.div(
        bone("120px", "16px"), bone("50%"), bone(height="34px"), class_name="card card--bones stack"
    )
    return loading(one, one, one, label="Loading your settings", class_name="sections")
