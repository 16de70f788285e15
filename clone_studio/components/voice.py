"""The voice of a clone: the current one, the library, the sliders and the playground."""

from typing import Any

import reflex as rx

from clone_studio.components.audio import speak_button
from clone_studio.components.buttons import button, button_link
from clone_studio.components.surfaces import card, chip, empty_state, error_state

TEXT_ID = "voice-text"
TEXT = rx.Var(f'(document.getElementById("{TEXT_ID}")?.value ?? "")', _var_type=str)
ADJUST_MS = 300
# name, title, words at both ends, what it does.
SLIDERS = (
    ("stability", "Stability", "lively", "steady", "How much the voice varies."),
    ("similarity", "Similarity", "freer", "closer", "How near it stays to the original voice."),
    ("style", "Style", "plain", "expressive", "How much it exaggerates the speaker's style."),
)


def current_voice(state: Any) -> rx.Component:
    """Return who speaks now, with play."""
    return card(
        rx.el.div(
            rx.el.div(
                rx.el.p("Current voice", class_name="meta"),
                rx.el.h2(state.current.name),
                rx.el.p(state.current.about, class_name="muted"),
                class_name="grow",
            ),
            rx.cond(
                state.current_clip,
                speak_button(state.current_clip, "Listen to the current voice"),
            ),
            class_name="row voice-current",
        ),
        rx.cond(
            state.instead,
            rx.el.p(
                rx.icon("triangle-alert", size=16),
                rx.el.span(state.instead),
                class_name="form-note",
                role="status",
            ),
        ),
        rx.el.p(
            "Spoken by ",
            state.engine_words,
            ". A change is heard with the next answer.",
            class_name="meta",
        ),
        class_name="card--padded",
    )


def library(state: Any) -> rx.Component:
    """Return the voices by group and search."""
    return rx.el.section(
        rx.el.h2("Voices"),
        rx.el.div(
            rx.el.input(
                type="search",
                placeholder="Search by name, accent, age",
                aria_label="Search voices",
                default_value=state.query,
                max_length=100,
                on_change=state.search.debounce(250),
                class_name="input voice-search",
            ),
            rx.el.div(
                rx.foreach(state.groups, lambda row: _group(state, row)),
                class_name="row voice-groups",
                role="group",
                aria_label="Groups",
            ),
            class_name="row voice-filters",
        ),
        rx.cond(
            state.rows.length() > 0,
            rx.el.ul(
                rx.foreach(state.rows, lambda row: _voice(state, row)), class_name="voice-cards"
            ),
            empty_state("search-x", "No voice matches", "Change the words or the group above."),
        ),
        rx.cond(
            state.has_more,
            button("Show more of ", state.found.to_string(), kind="quiet", on_click=state.more),
        ),
        class_name="stack",
        aria_label="Voices",
    )


def _group(state: Any, row: rx.Var[Any]) -> rx.Component:
    return rx.el.button(
        row.title,
        " ",
        rx.el.span(row.count, class_name="meta figures"),
        type="button",
        class_name="btn btn--plain btn--small voice-group",
        aria_pressed=rx.cond(state.group == row.key, "true", "false"),
        on_click=state.filter_group(row.key),
        key=row.key,
    )


def _voice(state: Any, row: rx.Var[Any]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.h3(row.name),
            rx.cond(row.is_current, chip("Current", icon="check"), rx.fragment()),
            class_name="row voice-card__head",
        ),
        rx.el.p(row.group, rx.cond(row.about, " · " + row.about.to(str), ""), class_name="meta"),
        rx.el.div(
            speak_button(row.sample, "Listen to " + row.name.to(str)),
            rx.cond(
                row.is_current,
                rx.fragment(),
                button(
                    "Use",
                    small=True,
                    aria_label="Use " + row.name.to(str),
                    on_click=state.choose(row.key),
                ),
            ),
            class_name="row voice-card__actions",
        ),
        class_name="voice-card",
        custom_attrs={"data-current": row.is_current.to(str)},
        key=row.key,
    )


def settings(state: Any) -> rx.Component:
    """Return the sliders; what the engine cannot do is said and not offered."""
    sliders = [
        _slider(state, *one, value=getattr(state.sliders, one[0]), place=place)
        for place, one in enumerate(SLIDERS)
    ]
    return rx.el.section(
        rx.el.h2("How it speaks"),
        rx.el.div(
            *sliders,
            _slider(
                state,
                "speed",
                "Speed",
                "slower",
                "faster",
                "From 0.7 to 1.2 times the usual.",
                value=state.sliders.speed,
                place=3,
                low=70,
                high=120,
            ),
            _boost(state),
            class_name="voice-sliders",
            key=state.slider_key,
        ),
        rx.el.div(
            button(
                "Reset", icon="rotate-ccw", on_click=state.usual, disabled=state.sliders.is_usual
            ),
            rx.el.span("Changes are kept at once.", class_name="meta"),
            class_name="row",
        ),
        class_name="stack",
        aria_label="How it speaks",
    )


def _slider(
    state: Any,
    name: str,
    title: str,
    low_words: str,
    high_words: str,
    note: str,
    *,
    value: rx.Var[int],
    place: int,
    low: int = 0,
    high: int = 100,
) -> rx.Component:
    able = state.adjustable.contains(name)
    shown = value.to_string() if name != "speed" else (value / 100).to_string() + "×"
    return rx.el.div(
        rx.el.label(title, html_for=f"voice-{name}", class_name="field__label"),
        rx.el.output(shown, class_name="meta figures", html_for=f"voice-{name}"),
        rx.el.input(
            id=f"voice-{name}",
            type="range",
            min=low,
            max=high,
            step=1,
            default_value=value,
            disabled=~able,
            # A delay of its own: one slider must not swallow what another was given.
            on_change=lambda typed: state.adjust(name, typed, state.slider_key).debounce(
                ADJUST_MS + place
            ),
            aria_describedby=f"voice-{name}-note",
        ),
        rx.el.div(rx.el.span(low_words), rx.el.span(high_words), class_name="voice-ends meta"),
        rx.el.p(
            rx.cond(able, note, "The present engine cannot change this."),
            id=f"voice-{name}-note",
            class_name="field__note",
        ),
        class_name="voice-slider",
    )


def _boost(state: Any) -> rx.Component:
    able = state.adjustable.contains("speaker_boost")
    return rx.el.div(
        rx.el.label(
            rx.el.input(
                type="checkbox",
                checked=state.sliders.boost,
                disabled=~able,
                on_change=state.boost,
                class_name="check",
            ),
            rx.el.span("Speaker boost"),
            class_name="row",
        ),
        rx.el.p(
            rx.cond(
                able,
                "Brings the voice nearer to the original and begins a little later.",
                "The present engine cannot change this.",
            ),
            class_name="field__note",
        ),
        class_name="voice-slider",
    )


def playground(state: Any) -> rx.Component:
    """Return the place to try texts and other voices."""
    return rx.el.section(
        rx.el.h2("Playground"),
        rx.el.label("Text to hear", html_for=TEXT_ID, class_name="sr-only"),
        rx.el.textarea(
            id=TEXT_ID,
            rows="5",
            max_length=5000,
            placeholder="Type or paste a text, up to 5,000 characters",
            class_name="input",
        ),
        rx.el.div(
            rx.foreach(state.phrases, lambda text: _phrase(state, text)),
            class_name="row voice-phrases",
        ),
        rx.el.div(
            rx.el.label("Voice on trial", html_for="voice-trial", class_name="field__label"),
            rx.el.select(
                rx.el.option("The clone's own", value=""),
                rx.foreach(
                    state.trial_names,
                    lambda row: rx.el.option(row.name, value=row.key, key=row.key),
                ),
                id="voice-trial",
                value=state.trial_voice,
                on_change=state.try_voice,
                class_name="input voice-trial",
            ),
            button("Speak", icon="volume-2", kind="primary", on_click=state.speak(TEXT)),
            class_name="row voice-trial-row",
        ),
        rx.cond(
            state.trial_problem,
            rx.el.p(state.trial_problem, class_name="field__error", role="alert"),
        ),
        rx.cond(state.trial_clip, _trial(state)),
        class_name="stack",
        aria_label="Playground",
    )


def _trial(state: Any) -> rx.Component:
    """Return the player of what was typed, its download and its first sound's time."""
    return rx.el.div(
        speak_button(
            state.trial_clip, "Listen again", auto=state.trial_play, on_started=state.heard
        ),
        rx.el.a(
            rx.icon("download", size=16),
            "Download",
            href="/api/speech/" + state.trial_clip.to(str) + "?download=1",
            download="speech.mp3",
            class_name="btn btn--quiet btn--small",
        ),
        rx.el.span(state.trial_time, class_name="meta figures", role="status"),
        class_name="row",
    )


def _phrase(state: Any, text: rx.Var[str]) -> rx.Component:
    return button(text, small=True, on_click=state.speak(text), class_name="voice-phrase", key=text)


def usage(state: Any) -> rx.Component:
    """Return what was spoken, and what the account has left."""
    return rx.el.section(
        rx.el.h2("Characters spoken"),
        rx.el.p(
            rx.el.strong(state.today, class_name="figures"),
            " today, ",
            rx.el.span(state.month, class_name="figures"),
            " this month. Hearing the same again costs nothing.",
        ),
        rx.cond(
            state.allowance,
            rx.el.div(
                rx.el.progress(
                    value=state.allowance_used.to_string(), max="100", aria_label="Characters used"
                ),
                rx.el.p(state.allowance, class_name="meta"),
                class_name="stack voice-allowance",
            ),
        ),
        class_name="stack",
        aria_label="Characters spoken",
    )


def silent() -> rx.Component:
    """Return what the page shows while speech is switched off."""
    return empty_state(
        "volume-x",
        "Speech is switched off",
        "Answers are text only. Choose who speaks in Settings.",
        button_link("Open Settings", to="/settings#speech", kind="primary"),
    )


def list_problem(state: Any) -> rx.Component:
    """Return why the voices cannot be had, with a way to ask again."""
    return error_state(state.list_problem, state.retry)
