"""The voices that can be chosen, and who speaks for a clone."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from clone_studio.errors import InvalidInput, NotFound, ProviderDown
from clone_studio.providers.speech.protocol import Allowance, Voice, VoiceSettings
from clone_studio.services.voices import VoiceService, matching
from clone_studio.settings import Settings
from tests.chat_world import OWNER, STRANGER, PacedModel, World, build_world
from tests.services.test_speech import Parrot

VOICES = (
    Voice("ann", "Ann", "female", accent="British", age="old"),
    Voice("bob", "Bob", "male", accent="american", age="young"),
    Voice("polly", "Polly", "character"),
)


@dataclass
class Choir(Parrot):
    """An engine with voices; `down` makes it keep them to itself."""

    lists: int = 0
    down: bool = False

    async def voices(self) -> tuple[Voice, ...]:
        self.lists += 1
        if self.down:
            raise ProviderDown("It cannot be reached.")
        return VOICES

    async def allowance(self) -> Allowance | None:
        if self.down:
            raise ProviderDown("It cannot be reached.")
        return Allowance(40, 100)


@pytest.fixture
def choir() -> Choir:
    return Choir()


@pytest.fixture
async def world(settings: Settings, choir: Choir) -> AsyncIterator[World]:
    made = build_world(settings, PacedModel(), speech_engine=choir)
    yield made
    await made.services.speech.close()
    await made.chat.close()
    made.services.database.dispose()


def voices(world: World) -> VoiceService:
    return world.services.voices


async def test_the_list_is_kept_for_a_while_and_asked_for_again(world: World, choir: Choir) -> None:
    now = [0.0]
    service = VoiceService(
        choir,
        personas=world.services.personas,
        usage=world.services.speech_usage,
        default_voice_id=lambda: "polly",
        clock=lambda: now[0],
    )
    assert await service.listing() == await service.listing() == VOICES
    assert choir.lists == 1
    now[0] = 601
    await service.listing()
    await service.listing(again=True)
    assert choir.lists == 3
    choir.kind = "local"
    await service.listing()
    assert choir.lists == 4, "another engine has other voices"


async def test_a_chosen_voice_speaks_and_is_kept_with_its_name(world: World) -> None:
    before = await voices(world).of(OWNER, "ben")
    assert (before.voice.id, before.instead) == ("polly", "")
    chosen = await voices(world).choose(OWNER, "ben", "ann")
    assert (chosen.voice.name, chosen.instead) == ("Ann", "")
    kept = world.services.personas.get_for(OWNER, "ben")
    assert (kept.voice_id, kept.voice_name) == ("ann", "Ann")
    with pytest.raises(NotFound):
        await voices(world).choose(OWNER, "ben", "nobody")
    for act in (
        voices(world).of(STRANGER, "ben"),
        voices(world).choose(STRANGER, "ben", "ann"),
        voices(world).adjust(STRANGER, "ben", {}),
        voices(world).usage(STRANGER, "ben"),
    ):
        with pytest.raises(NotFound):
            await act


async def test_a_voice_that_vanished_is_replaced_and_the_maker_is_told(world: World) -> None:
    await asyncio.to_thread(
        world.services.personas.update, OWNER, "ben", {"voice_id": "gone", "voice_name": "Zed"}
    )
    found = await voices(world).of(OWNER, "ben")
    assert found.voice.id == "polly"
    assert "“Zed” is not among the voices" in found.instead
    assert found.instead.endswith("Polly speaks until then.")


async def test_the_maker_is_told_when_even_the_studios_own_voice_is_gone(
    world: World, choir: Choir
) -> None:
    choir.default_voice_id = "gone"
    service = VoiceService(
        choir,
        personas=world.services.personas,
        usage=world.services.speech_usage,
        default_voice_id=lambda: "gone",
    )
    found = await service.of(OWNER, "ben")
    assert (found.voice.id, found.voice.name) == ("gone", "No voice")
    assert found.instead.startswith("The voice of clones that have none is not among the voices")
    assert "speaks until then" not in found.instead


async def test_settings_are_stored_between_0_and_1_and_only_what_differs(world: World) -> None:
    changed = await voices(world).adjust(OWNER, "ben", {"stability": 0.2, "speed": 1.1})
    assert changed == VoiceSettings(stability=0.2, speed=1.1)
    changed = await voices(world).adjust(OWNER, "ben", {"speaker_boost": False})
    assert changed == VoiceSettings(stability=0.2, speed=1.1, speaker_boost=False)
    stored = world.services.personas.get_for(OWNER, "ben").voice_settings
    assert stored == {"stability": 0.2, "speed": 1.1, "speaker_boost": False}
    for wrong in ({"stability": 20}, {"speed": 0.5}, {"style": "x"}, {"speaker_boost": "yes"}):
        with pytest.raises(InvalidInput):
            await voices(world).adjust(OWNER, "ben", wrong)
    assert await voices(world).adjust(OWNER, "ben", {}) == VoiceSettings()
    assert world.services.personas.get_for(OWNER, "ben").voice_settings == {}


async def test_what_was_spoken_is_known_without_the_engine(world: World, choir: Choir) -> None:
    speech = world.services.speech
    clip = await speech.open(OWNER, await speech.clip_of_text(OWNER, "ben", "Hello there."))
    _ = [piece async for piece in clip.read()]
    usage = await voices(world).usage(OWNER, "ben")
    assert (usage.spoken.today, usage.allowance) == (12, Allowance(40, 100))
    choir.down = True
    assert (await voices(world).usage(OWNER, "ben")).allowance is None
    with pytest.raises(ProviderDown):
        await voices(world).listing(again=True)


def test_voices_are_found_by_all_words_and_by_group() -> None:
    def ids(search: str = "", group: str = "") -> list[str]:
        return [voice.id for voice in matching(VOICES, search, group)]

    assert ids() == ["ann", "bob", "polly"]
    assert ids("old BRIT") == ["ann"]
    assert ids("young", "female") == []
    assert ids(group="character") == ["polly"]
