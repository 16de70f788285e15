"""The voice of a clone: who speaks, how, and a place to try it."""

import asyncio
from dataclasses import dataclass

import reflex as rx

from clone_studio.bootstrap import services
from clone_studio.errors import NotFound, ProviderError, StudioError
from clone_studio.providers.speech.protocol import Allowance, Voice, VoiceSettings
from clone_studio.services.speech import LONGEST_TEXT, SAMPLE, sample_of, settings_of
from clone_studio.services.voices import GROUPS, matching
from clone_studio.state.base import StudioState

WINDOW = 12
SLIDERS = ("stability", "similarity", "style")
GROUP_TITLES = {
    "female": "Female",
    "male": "Male",
    "child": "Child",
    "character": "Character",
    "other": "Other",
}
ENGINES = {"elevenlabs": "ElevenLabs", "local": "the model on this machine", "off": ""}


@dataclass(frozen=True)
class VoiceRow:
    """One voice as a card; `sample` is the clip in which it introduces itself."""

    key: str = ""
    name: str = ""
    about: str = ""
    group: str = ""
    sample: str = ""
    is_current: bool = False


@dataclass(frozen=True)
class GroupRow:
    """One group of voices and how many it has."""

    key: str = ""
    title: str = ""
    count: int = 0


@dataclass(frozen=True)
class Sliders:
    """The settings as the page shows them: 0 to 100, and speed in hundredths."""

    stability: int = 50
    similarity: int = 75
    style: int = 0
    speed: int = 100
    boost: bool = True
    is_usual: bool = True


class VoiceState(StudioState):
    """What the Voice page shows."""

    ready: bool = False
    problem: str = ""
    missing: bool = False
    clone: str = ""
    clone_name: str = ""
    engine: str = ""
    engine_words: str = ""
    list_problem: str = ""
    current: VoiceRow = VoiceRow()
    instead: str = ""
    current_clip: str = ""
    groups: list[GroupRow] = []
    group: str = ""
    query: str = ""
    rows: list[VoiceRow] = []
    found: int = 0
    has_more: bool = False
    sliders: Sliders = Sliders()
    slider_key: str = ""
    adjustable: list[str] = []
    phrases: list[str] = []
    trial_voice: str = ""
    trial_names: list[VoiceRow] = []
    trial_clip: str = ""
    trial_play: int = 0
    trial_problem: str = ""
    trial_time: str = ""
    today: str = ""
    month: str = ""
    allowance: str = ""
    allowance_used: int = 0

    _shown: int = WINDOW
    _generation: int = 0

    @rx.event
    async def open(self) -> None:
        """Show the voice of the clone in the address."""
        if not self._user_id:
            return
        self.problem = ""
        try:
            persona = await asyncio.to_thread(
                services().personas.get_for, self._user_id, str(self.slug)
            )
        except NotFound:
            self.missing, self.ready = True, True
            return
        except StudioError as error:
            self.problem = error.detail
            return
        if persona.slug != self.clone:
            self.query = self.group = self.trial_voice = ""
            self._shown = WINDOW
        # A player that appears with a number of plays begins to play: not on opening a page.
        self.trial_clip, self.trial_play = "", 0
        self.trial_problem = self.trial_time = ""
        self.clone, self.clone_name, self.missing = persona.slug, persona.name, False
        self.engine = services().speech_engine.kind
        self.engine_words = ENGINES[self.engine]
        self.adjustable = sorted(services().speech_engine.adjustable)
        hello = f"Hello, I am {persona.name}."
        given = (hello, persona.greeting, *persona.example_questions[:2])
        self.phrases = [text for text in given if text]
        self._show_settings(settings_of(persona.voice_settings))
        self._renew_sliders()
        await self._read()
        self.ready = True

    async def _read(self, *, again: bool = False) -> None:
        """Read the voices, who speaks, and what was spoken."""
        self.list_problem = ""
        if self.engine == "off":
            return
        try:
            await services().voices.listing(again=again)
            await self._read_current()
            await self._fill()
        except ProviderError as error:
            self.list_problem = error.detail
        await self._read_usage()

    async def _read_current(self) -> None:
        found = await services().voices.of(self._user_id, self.clone)
        self.current = _row(found.voice, found.voice.id)
        self.instead = found.instead
        self._show_settings(found.settings)
        await self._renew_clip()

    def _renew_sliders(self) -> None:
        """Make the sliders anew, at the places that are stored."""
        self._generation += 1
        self.slider_key = f"{self.clone}/{self._generation}"

    def _show_settings(self, settings: VoiceSettings) -> None:
        self.sliders = Sliders(
            stability=round(settings.stability * 100),
            similarity=round(settings.similarity * 100),
            style=round(settings.style * 100),
            speed=round(settings.speed * 100),
            boost=settings.speaker_boost,
            is_usual=settings == VoiceSettings(),
        )

    async def _renew_clip(self) -> None:
        """Name the clip that the current voice plays: it says the sample as it is set now."""
        self.current_clip = await services().speech.clip_of_text(self._user_id, self.clone, SAMPLE)

    async def _fill(self) -> None:
        """Show the voices that match the group and the search."""
        voices = await services().voices.listing()
        in_search = matching(voices, self.query)
        self.groups = [
            GroupRow(one, GROUP_TITLES[one], sum(voice.group == one for voice in in_search))
            for one in GROUPS
            if any(voice.group == one for voice in voices)
        ]
        found = matching(voices, self.query, self.group)
        self.found, self.has_more = len(found), len(found) > self._shown
        self.rows = [_row(voice, self.current.key) for voice in found[: self._shown]]
        self.trial_names = [VoiceRow(voice.id, voice.name) for voice in voices[:1000]]

    async def _read_usage(self) -> None:
        usage = await services().voices.usage(self._user_id, self.clone)
        self.today, self.month = f"{usage.spoken.today:,}", f"{usage.spoken.month:,}"
        self.allowance, self.allowance_used = _allowance(usage.allowance)

    @rx.event
    async def retry(self) -> None:
        """Ask the engine for its voices again."""
        async with self._reporting():
            await self._read(again=True)

    @rx.event
    async def search(self, text: str) -> None:
        """Show the voices in which all words of `text` occur."""
        self.query, self._shown = str(text)[:100], WINDOW
        async with self._reporting():
            await self._fill()

    @rx.event
    async def filter_group(self, group: str) -> None:
        """Show the voices of one group; the same again shows all."""
        known = str(group) if group in GROUPS else ""
        self.group, self._shown = "" if known == self.group else known, WINDOW
        async with self._reporting():
            await self._fill()

    @rx.event
    async def more(self) -> None:
        """Show more voices."""
        self._shown += WINDOW
        async with self._reporting():
            await self._fill()

    @rx.event
    async def choose(self, voice_id: str) -> None:
        """Give the clone another voice; it speaks from the next answer on."""
        async with self._reporting():
            found = await services().voices.choose(self._user_id, self.clone, str(voice_id))
            self._notify(f"{self.clone_name} speaks as {found.voice.name} from now on.")
            await self._read_current()
            await self._fill()

    @rx.event
    async def adjust(self, name: str, value: str, slider_key: str) -> None:
        """Store a slider's place; 0 to 100 becomes 0.0 to 1.0, once and here.

        A move arrives a moment later; one of sliders that are gone was meant for another
        clone, or was made before all were reset.
        """
        if name not in (*SLIDERS, "speed") or slider_key != self.slider_key:
            return
        try:
            number = float(str(value)) / 100
        except ValueError:
            return
        await self._adjust({name: number})

    @rx.event
    async def boost(self, wanted: bool) -> None:
        """Switch the speaker boost."""
        await self._adjust({"speaker_boost": bool(wanted)})

    @rx.event
    async def usual(self) -> None:
        """Take every setting back to the usual."""
        await self._adjust({})
        self._renew_sliders()

    async def _adjust(self, changes: dict[str, float | bool]) -> None:
        async with self._reporting():
            settings = await services().voices.adjust(self._user_id, self.clone, changes)
            self._show_settings(settings)
            await self._renew_clip()

    @rx.event
    def try_voice(self, voice_id: str) -> None:
        """Choose the playground's voice; empty is the clone's own."""
        self.trial_voice = str(voice_id)[:80]

    @rx.event
    async def speak(self, text: str) -> None:
        """Say a text in the playground."""
        self.trial_problem, self.trial_time = "", ""
        try:
            self.trial_clip = await services().speech.clip_of_text(
                self._user_id,
                self.clone,
                str(text)[: LONGEST_TEXT + 1],
                self.trial_voice or self.current.key or None,
            )
        except StudioError as error:
            self.trial_problem = error.detail
            return
        self.trial_play += 1

    @rx.event
    async def heard(self, milliseconds: int) -> None:
        """Show how long the first sound took, and what has been spoken by now."""
        self.trial_time = f"First sound after {max(0, int(milliseconds)):,} ms"
        async with self._reporting():
            await self._read_usage()


def _row(voice: Voice, current: str) -> VoiceRow:
    # Vendors write accents in small letters.
    accent = voice.accent[:1].upper() + voice.accent[1:]
    facts = (accent, voice.age, voice.language, voice.description)
    # A description often repeats what the labels say.
    told = [fact for fact in dict.fromkeys(facts) if fact]
    about = [one for one in told if not any(one != other and one in other for other in told)]
    return VoiceRow(
        key=voice.id,
        name=voice.name,
        about=" · ".join(about),
        group=GROUP_TITLES[voice.group],
        sample=sample_of(voice.id),
        is_current=voice.id == current,
    )


def _allowance(found: Allowance | None) -> tuple[str, int]:
    """Return what is left in words, and the share that is used in hundredths."""
    if found is None:
        return "", 0
    left = max(0, found.limit - found.used)
    until = f", until {found.resets_at:%-d %B}" if found.resets_at else ""
    share = round(100 * found.used / found.limit) if found.limit else 100
    return f"{left:,} of {found.limit:,} characters are left{until}", min(100, share)
