"""Sign-in: `/login`."""

import reflex as rx

from clone_studio.components.buttons import button
from clone_studio.components.fields import field, post_form, text_input
from clone_studio.components.topbar import brand_mark
from clone_studio.state.sign_in import SignInState


def view() -> rx.Component:
    """Return the page.

    The form is posted by the browser itself, so that the answer can set the session's cookie
    where no script can read it; it works before the page's scripts have loaded.
    """
    return rx.el.main(
        rx.el.div(
            rx.el.div(brand_mark(), rx.el.span("Penng Clone Studio"), class_name="brand"),
            rx.el.h1("Sign in"),
            rx.cond(SignInState.reason, _reason(), rx.fragment()),
            _password_form(),
            rx.el.div(
                rx.el.h2("No password?", class_name="sign-in__ask"),
                rx.el.p(
                    "On the computer that runs the studio, in its folder, type the command below "
                    "and open the link it prints. The link works once.",
                    class_name="muted",
                ),
                rx.el.code("./studio link", class_name="command"),
                class_name="sign-in__help",
            ),
            class_name="sign-in",
        ),
        class_name="sign-in-page",
    )


def _password_form() -> rx.Component:
    return post_form(
        field(
            "Email address",
            text_input(
                "email",
                type="email",
                auto_complete="username",
                required=True,
                max_length=254,
            ),
            name="email",
        ),
        field(
            "Password",
            text_input(
                "password",
                type="password",
                auto_complete="current-password",
                required=True,
                max_length=1000,
            ),
            name="password",
        ),
        button("Sign in", kind="primary", type="submit", class_name="btn--wide"),
        action="/api/auth/sign-in",
        class_name="stack loose",
    )


def _reason() -> rx.Component:
    return rx.el.p(
        rx.cond(SignInState.is_fault, rx.icon("circle-alert", size=16), rx.icon("info", size=16)),
        rx.el.span(SignInState.reason),
        class_name=rx.cond(SignInState.is_fault, "form-note form-note--fault", "form-note"),
        role="alert",
    )


def register(app: rx.App) -> None:
    """Add the page to the app."""
    app.add_page(view, route="/login", title="Sign in · Clone Studio", on_load=SignInState.open)
