"""Settings, the part that only the owner has: keys and services, and the models."""

import asyncio
from dataclasses import dataclass

import reflex as rx

from clone_studio.bootstrap import services
from clone_studio.errors import InvalidInput, NotFound, ProviderError, StudioError
from clone_studio.services.stored_settings import SettingInfo
from clone_studio.state.base import Reaction, StudioState
from clone_studio.state.clone_rows import counted
from clone_studio.state.health import HealthState
from clone_studio.state.rebuild import RebuildState, cost_words
from clone_studio.state.shell import ShellState

KEY, ADDRESS = "OPENAI_API_KEY", "OPENAI_BASE_URL"
ANSWERS, CHAT_MODEL = "STUDIO_LLM", "STUDIO_CHAT_MODEL"
EMBEDDINGS, EMBEDDING_MODEL = "STUDIO_EMBEDDINGS", "STUDIO_EMBEDDING_MODEL"
VOICE_KEY, VOICE_ADDRESS = "ELEVENLABS_API_KEY", "ELEVENLABS_BASE_URL"
INDEX_KEY, INDEX, VECTORS = "PINECONE_API_KEY", "PINECONE_INDEX", "STUDIO_VECTORS"
# Key of each service and what it is reached by, under its name in `Connections.test`.
SERVICES = {
    "openai": (KEY, ADDRESS),
    "elevenlabs": (VOICE_KEY, VOICE_ADDRESS),
    "pinecone": (INDEX_KEY, INDEX),
}
KEYS = tuple(key for key, _address in SERVICES.values())
SPEECH_FIELDS = ("STUDIO_SPEECH", "DEFAULT_VOICE_ID", "STUDIO_SPEECH_MODEL")
SPOKEN_BY = {"elevenlabs": "ElevenLabs", "local": "This machine", "off": "Off"}
MODEL_FIELDS = (ANSWERS, CHAT_MODEL, EMBEDDINGS, EMBEDDING_MODEL)
TYPED_CHARS = 2000


@dataclass(frozen=True)
class SettingRow:
    """One setting as the page shows it; a secret only masked."""

    shown: str = ""
    is_set: bool = False
    is_given: bool = False
    problem: str = ""


class ConnectionsState(StudioState):
    """Which services and models are in use, for the owner alone."""

    ready: bool = False
    allowed: bool = False
    problem: str = ""
    settings: dict[str, SettingRow] = {}
    errors: dict[str, str] = {}
    form_key: int = 0
    replacing: str = ""
    keys_words: str = ""
    keys_tone: str = "neutral"
    models_words: str = ""
    speech_words: str = ""
    vectors_words: str = ""
    testing: str = ""
    tested: str = ""
    test_words: str = ""
    test_tone: str = "neutral"
    names: list[str] = []
    names_problem: str = ""
    meaning_by: str = ""
    costs: str = ""
    key_decides: bool = False

    _test_run: int = 0

    @rx.event
    async def open(self) -> Reaction:
        """Read the settings, for the page or to try again."""
        self.problem, self.errors, self.replacing = "", {}, ""
        self._forget_test()
        try:
            await self._read()
        except NotFound:
            self.allowed, self.ready = False, True
            return None
        except StudioError as error:
            self.problem = error.detail
            return None
        self.allowed = self.ready = True
        return ConnectionsState.read_names

    async def _read(self) -> None:
        studio = services()
        found = await asyncio.to_thread(studio.stored.list_for, self._user_id)
        self.settings = {one.name: _row(one) for one in found}
        self.costs = cost_words(await asyncio.to_thread(studio.rebuilding.cost))
        self.key_decides = bool(self.costs) and self.settings[EMBEDDINGS].shown == "auto"
        quoting = studio.llm.kind == "quotes"
        self.models_words = "Quotes only" if quoting else studio.llm.default_model
        self.speech_words = SPOKEN_BY[studio.speech_engine.kind]
        self.meaning_by = studio.embedder.model
        now = await asyncio.to_thread(studio.stored.in_force)
        self.vectors_words = "Pinecone" if now.uses_pinecone else "The database"
        self._say_keys(now.openai_place)

    def _say_keys(self, place: str) -> None:
        rows = [self.settings[name] for name in SERVICES["openai"]]
        if any(row.problem for row in rows):
            self.keys_words, self.keys_tone = "Enter the key again", "warning"
        elif any(row.is_set for row in rows):
            self.keys_words, self.keys_tone = place, "success"
        else:
            self.keys_words, self.keys_tone = "No service", "neutral"

    @rx.event(background=True)
    async def read_names(self) -> None:
        """Ask the server in use which models it offers; the page does not wait for it."""
        names: list[str] = []
        problem = ""
        if services().llm.kind != "quotes":
            try:
                names = await services().connections.model_names()
            except ProviderError as error:
                problem = error.detail
        async with self:
            self.names, self.names_problem = names, problem

    @rx.event
    def replace_key(self, name: str) -> None:
        """Show the field for another key."""
        self.replacing = name if name in KEYS else ""

    @rx.event
    def keep_key(self) -> None:
        """Hide the field for another key again."""
        self.replacing = ""
        self.errors = {name: text for name, text in self.errors.items() if name not in KEYS}

    @rx.event
    async def save_keys(self, form: dict[str, str]) -> Reaction:
        """Store what a service is reached by; an empty key field leaves the stored key."""
        names = (VECTORS, *(name for pair in SERVICES.values() for name in pair))
        typed = _typed(form, names)
        typed = {name: value for name, value in typed.items() if value or name not in KEYS}
        return await self._change(typed, "Saved. It holds from the next answer on.")

    @rx.event
    async def remove_key(self, name: str) -> Reaction:
        """Forget a stored key."""
        if name not in KEYS:
            return None
        return await self._change({name: None}, "The key was removed.")

    @rx.event
    async def save_speech(self, form: dict[str, str]) -> Reaction:
        """Store who speaks, and with which voice and model where a clone names none."""
        typed = _typed(form, SPEECH_FIELDS)
        return await self._change(typed, "Saved. It holds from the next answer on.")

    @rx.event
    async def save_models(self, form: dict[str, str]) -> Reaction:
        """Store who answers and what finds passages by meaning."""
        typed = _typed(form, MODEL_FIELDS)
        return await self._change(typed, "Saved. It holds from the next answer on.")

    async def _change(self, changes: dict[str, str | None], words: str) -> Reaction:
        try:
            waiting = await services().connections.change(self._user_id, changes)
            await self._read()
        except InvalidInput as error:
            self.errors = {error.field or KEY: error.detail}
            return None
        except StudioError as error:
            self._report(error)
            return None
        self.errors, self.replacing = {}, ""
        self.form_key += 1
        self._forget_test()
        if waiting:
            words += f" Embedded again in the background: {counted(waiting, 'file', 'files')}."
        return await self._changed(words)

    async def _changed(self, words: str) -> Reaction:
        self._notify(words)
        await (await self.get_state(ShellState))._refresh()
        return ConnectionsState.follow

    @rx.event
    async def go_back(self) -> Reaction:
        """Choose the old embedding model again, while another one is built."""
        try:
            model = await services().rebuilding.go_back(self._user_id)
            await self._read()
        except StudioError as error:
            self._report(error)
            return None
        self.form_key += 1
        return await self._changed(f"{model} is the embedding model again.")

    @rx.event
    def follow(self) -> list[rx.event.EventSpec]:
        """Look again at what a change may have altered."""
        return [
            ConnectionsState.read_names(),
            HealthState.check_again(),
            RebuildState.follow(),
        ]

    @rx.event(background=True)
    async def test(self, service: str, key: str, address: str) -> None:
        """Try a service with what is typed, saved or not."""
        if service not in SERVICES:
            return
        key_name, address_name = SERVICES[service]
        async with self:
            if self.testing:
                return
            self.testing, self.errors = service, {}
            self._test_run += 1
            run, user_id = self._test_run, self._user_id
            given = {name for name, row in self.settings.items() if row.is_given}
        typed = {
            key_name: str(key)[:TYPED_CHARS].strip(),
            address_name: str(address)[:TYPED_CHARS].strip(),
        }
        if not typed[key_name]:
            del typed[key_name]
        words, tone, errors = "", "danger", {}
        try:
            tried = {name: value for name, value in typed.items() if name not in given}
            words = await services().connections.test(user_id, service, tried)
            tone = "success"
        except InvalidInput as error:
            errors = {error.field or key_name: error.detail}
        except StudioError as error:
            words = error.detail
        finally:
            async with self:
                self.testing = ""
                if run == self._test_run:
                    self.tested, self.errors = service, errors
                    self.test_words, self.test_tone = words, tone

    def _forget_test(self) -> None:
        """Forget what a test said of values that may be others by now."""
        self.test_words = ""
        self._test_run += 1


def _typed(form: dict[str, str], names: tuple[str, ...]) -> dict[str, str | None]:
    """Return the fields that were sent: what the environment sets is not sent."""
    return {name: str(form[name])[:TYPED_CHARS].strip() for name in names if name in form}


def _row(info: SettingInfo) -> SettingRow:
    return SettingRow(
        shown=info.shown,
        is_set=info.source != "default",
        is_given=info.source == "environment",
        problem=info.problem,
    )
