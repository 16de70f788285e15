"""The sections of Settings that only the owner has: keys and services, models, vectors."""

from collections.abc import Mapping
from typing import Any, get_args

import reflex as rx

from clone_studio.components.buttons import button
from clone_studio.components.fields import field, select, text_input
from clone_studio.components.surfaces import status_of
from clone_studio.settings import Settings

KEY, ADDRESS = "OPENAI_API_KEY", "OPENAI_BASE_URL"
VOICE_KEY, VOICE_ADDRESS = "ELEVENLABS_API_KEY", "ELEVENLABS_BASE_URL"
SPEECH, VOICE, VOICE_MODEL = "STUDIO_SPEECH", "DEFAULT_VOICE_ID", "STUDIO_SPEECH_MODEL"
VECTORS, INDEX, INDEX_KEY = "STUDIO_VECTORS", "PINECONE_INDEX", "PINECONE_API_KEY"
ANSWERS, CHAT_MODEL = "STUDIO_LLM", "STUDIO_CHAT_MODEL"
EMBEDDINGS, EMBEDDING_MODEL = "STUDIO_EMBEDDINGS", "STUDIO_EMBEDDING_MODEL"
NAMES_LIST = "chat-model-names"
KEY_LOOKS = {KEY: "sk-…", VOICE_KEY: "sk_…", INDEX_KEY: "pcsk_…"}

_ANSWERED_BY = {
    "auto": "The model server when one is set, else the model on this machine, else quotes",
    "local": "Always the model on this machine",
    "openai": "Always the model server",
    "quotes": "Quotes only, no model",
}
_SPOKEN_BY = {
    "auto": "ElevenLabs when a key is set, otherwise this machine",
    "elevenlabs": "Always ElevenLabs",
    "local": "Always this machine",
    "off": "Nobody: answers are text only",
}
_KEPT_IN = {
    "auto": "At Pinecone when a key is set, otherwise in the database",
    "database": "Always in the database",
    "pinecone": "Always at Pinecone",
}
_EMBEDDED_BY = {
    "auto": "OpenAI's model when a key is set, otherwise this machine",
    "openai": "Always the model server",
    "local": "Always the model on this machine",
}


def openai_form(state: Any) -> rx.Component:
    """Return address and key of the model server, with a test of what is typed."""
    form = _service_form(
        state,
        "openai",
        KEY,
        ADDRESS,
        "Empty means OpenAI itself. Any server that speaks OpenAI's protocol will do; the "
        "key is sent there, and the address usually ends in /v1.",
        usual="https://api.openai.com/v1",
    )
    decides = rx.cond(
        state.key_decides,
        _costs(
            "While search by meaning follows the key, a key that is added or removed changes the "
            "embedding model, too. ",
            state.costs,
        ),
        rx.fragment(),
    )
    return rx.el.div(
        rx.el.h3("OpenAI, or a server like it"), form, decides, class_name="stack loose"
    )


def elevenlabs_form(state: Any) -> rx.Component:
    """Return address and key of ElevenLabs, with a test of what is typed."""
    form = _service_form(
        state,
        "elevenlabs",
        VOICE_KEY,
        VOICE_ADDRESS,
        "Empty means ElevenLabs itself. The key is sent there.",
        usual="https://api.elevenlabs.io",
    )
    return rx.el.div(rx.el.h3("ElevenLabs"), form, class_name="stack loose")


def _service_form(
    state: Any, service: str, key: str, address: str, note: str, *, usual: str
) -> rx.Component:
    """Return address and key of a service.

    The key is typed into the page and sent once: nothing of it comes back but a mask.
    """
    return rx.el.form(
        _text(
            state,
            address,
            "Address",
            note,
            placeholder=usual,
            type="url",
            auto_complete="off",
            spell_check=False,
        ),
        _key(state, service, key, address),
        rx.cond(
            state.settings[key].is_given & state.settings[address].is_given,
            rx.fragment(),
            rx.el.div(button("Save connection", type="submit"), class_name="form-end"),
        ),
        on_submit=state.save_keys,
        class_name="stack loose",
        custom_attrs={"noValidate": True},
        key=rx.Var.create(f"{service}-") + state.form_key.to_string(),
    )


def _key(state: Any, service: str, key: str, address: str) -> rx.Component:
    row, error = state.settings[key], state.errors[key].to(str)
    has_field = ~row.is_set | (state.replacing == key)
    control = rx.cond(
        has_field,
        text_input(
            key,
            error=error,
            type="password",
            # Not the password of the studio: a browser must neither offer nor keep one here.
            auto_complete="new-password",
            spell_check=False,
            placeholder=KEY_LOOKS[key],
        ),
        rx.el.code(rx.cond(row.shown, row.shown, "not readable"), class_name="key-mask"),
    )
    note = rx.cond(
        row.is_given,
        _given(key),
        rx.cond(
            row.problem,
            row.problem,
            "Kept encrypted. After saving, only its last four characters are shown.",
        ),
    )
    return rx.el.div(
        field(
            "Key",
            rx.el.div(
                control,
                _test_button(state, service, key, address),
                rx.cond(row.is_set & ~row.is_given, _key_buttons(state, key), rx.fragment()),
                class_name="row key-row",
            ),
            name=key,
            note=rx.el.span(note),
            error=error,
        ),
        # Said aloud when it changes, so it is there before.
        rx.el.div(
            rx.cond(
                state.test_words & (state.tested == service),
                rx.el.div(status_of(state.test_words, state.test_tone), class_name="test-words"),
                rx.fragment(),
            ),
            role="status",
        ),
    )


def _key_buttons(state: Any, key: str) -> rx.Component:
    return rx.cond(
        state.replacing == key,
        button("Keep the old one", on_click=state.keep_key),
        rx.fragment(
            button("Replace", on_click=state.replace_key(key), aria_label="Replace the key"),
            button("Remove", on_click=state.remove_key(key), aria_label="Remove the key"),
        ),
    )


def _test_button(state: Any, service: str, key: str, address: str) -> rx.Component:
    return button(
        rx.cond(state.testing == service, "Testing", "Test"),
        icon="plug-zap",
        on_click=state.test(service, _typed_in(key), _typed_in(address)),
        aria_disabled=rx.cond(state.testing, "true", "false"),
    )


def _typed_in(name: str) -> rx.Var[str]:
    """Return what a field holds at the moment of the click: a key is never kept in the state."""
    return rx.Var(f'(document.getElementById("field-{name}")?.value ?? "")', _var_type=str)


def speech_form(state: Any) -> rx.Component:
    """Return who speaks, and with which voice and model where a clone names none."""
    return rx.el.form(
        _choice(state, SPEECH, "Answers are spoken by", _options("speech", _SPOKEN_BY)),
        _text(
            state,
            VOICE,
            "Voice of clones that have none",
            "The id of a voice. A clone's own voice is chosen on its Voice page.",
            auto_complete="off",
            spell_check=False,
        ),
        _text(
            state,
            VOICE_MODEL,
            "ElevenLabs model",
            "eleven_flash_v2_5 begins soonest and costs half.",
            auto_complete="off",
            spell_check=False,
        ),
        rx.el.div(button("Save speech", type="submit"), class_name="form-end"),
        on_submit=state.save_speech,
        class_name="stack loose",
        custom_attrs={"noValidate": True},
        key=rx.Var.create("speech-") + state.form_key.to_string(),
    )


def vectors_form(state: Any) -> rx.Component:
    """Return where vectors are kept, and key and index of Pinecone with a test of both."""
    return rx.el.form(
        _choice(state, VECTORS, "New vectors are kept", _options("vectors", _KEPT_IN)),
        _text(
            state,
            INDEX,
            "Pinecone index",
            "The name of an index that you have made there, with the metric cosine and the "
            "dimension of the embedding model.",
            auto_complete="off",
            spell_check=False,
        ),
        _key(state, "pinecone", INDEX_KEY, INDEX),
        rx.el.p(
            "Vectors that are there already stay where they are and are found there. "
            "The command ./studio vectors move moves them.",
            class_name="form-note",
        ),
        rx.el.div(button("Save search", type="submit"), class_name="form-end"),
        on_submit=state.save_keys,
        class_name="stack loose",
        custom_attrs={"noValidate": True},
        key=rx.Var.create("vectors-") + state.form_key.to_string(),
    )


def models_form(state: Any) -> rx.Component:
    """Return who answers, and what finds passages by meaning."""
    return rx.el.form(
        _choice(state, ANSWERS, "Answers come from", _options("llm", _ANSWERED_BY)),
        _text(
            state,
            CHAT_MODEL,
            "Chat model",
            rx.cond(
                state.names_problem,
                state.names_problem,
                "For clones that name none. The list holds what the server offers.",
            ),
            list=NAMES_LIST,
            auto_complete="off",
            spell_check=False,
        ),
        rx.el.datalist(
            rx.foreach(state.names, lambda name: rx.el.option(value=name, key=name)), id=NAMES_LIST
        ),
        _choice(state, EMBEDDINGS, "Search by meaning uses", _options("embeddings", _EMBEDDED_BY)),
        _text(
            state,
            EMBEDDING_MODEL,
            "The server's embedding model",
            rx.el.span("Chosen: ", state.meaning_by, "."),
            auto_complete="off",
            spell_check=False,
        ),
        rx.cond(state.costs, _costs(state.costs), rx.fragment()),
        rx.el.div(button("Save models", type="submit"), class_name="form-end"),
        on_submit=state.save_models,
        class_name="stack loose",
        custom_attrs={"noValidate": True},
        key=rx.Var.create("models-") + state.form_key.to_string(),
    )


def _costs(*words: Any) -> rx.Component:
    return rx.el.p(
        rx.icon("triangle-alert", size=16),
        rx.el.span(*words),
        class_name="form-note form-note--costs",
    )


def for_the_owner(state: Any, content: rx.Component) -> rx.Component:
    """Return the content, or who may see it; `state` has the var `allowed`."""
    return rx.cond(
        state.allowed,
        content,
        rx.el.p("Only the owner of this studio sees and changes this.", class_name="muted"),
    )


def _text(state: Any, name: str, label: str, note: Any, **props: Any) -> rx.Component:
    row, error = state.settings[name], state.errors[name].to(str)
    control = text_input(name, error=error, default_value=row.shown, disabled=row.is_given, **props)
    return field(label, control, name=name, note=_note(row, name, note), error=error)


def _choice(state: Any, name: str, label: str, options: list[tuple[str, str]]) -> rx.Component:
    row, error = state.settings[name], state.errors[name].to(str)
    control = select(name, options, error=error, default_value=row.shown, disabled=row.is_given)
    return field(label, control, name=name, note=_note(row, name, ""), error=error)


def _note(row: Any, name: str, note: Any) -> rx.Component:
    usual = rx.cond(row.problem, row.problem, note)
    return rx.cond(row.is_given, _given(name), rx.el.span(usual))


def _given(name: str) -> rx.Component:
    return rx.el.span(
        "Set by the environment (",
        rx.el.code(name),
        "), which wins. Change it there and restart.",
        class_name="field__note",
    )


def _options(name: str, words: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return every value that the setting takes, in the order it names them."""
    values = get_args(Settings.model_fields[name].annotation)
    return [(value, words.get(value, value)) for value in values]
