"""The Voice page's handlers: choosing, adjusting, trying, and every way it can be missing."""

from collections.abc import Iterator

import pytest

from clone_studio.bootstrap import Services
from clone_studio.models import User
from clone_studio.providers.speech.local import LocalSpeech
from clone_studio.providers.speech.off import NoSpeech
from clone_studio.services.switching import SwitchedSpeech
from clone_studio.state.voice import VoiceState
from tests.conftest import OWNER_PASSWORD
from tests.services.test_voices import Choir
from tests.state.harness import Harness, Tab


@pytest.fixture
def choir() -> Choir:
    return Choir(adjustable=frozenset({"stability", "speed"}))


@pytest.fixture
async def engine(studio: Services, choir: Choir) -> SwitchedSpeech:
    switched = studio.speech_engine
    assert isinstance(switched, SwitchedSpeech)
    await switched.exchange(choir)
    return switched


@pytest.fixture
def owner_id(studio: Services, cookie: str) -> Iterator[str]:
    owner = studio.auth.ensure_owner()
    assert owner is not None
    studio.personas.create(owner.id, {"name": "Ben"})
    yield owner.id


@pytest.fixture
async def tab(harness: Harness, cookie: str, owner_id: str, engine: SwitchedSpeech) -> Tab:
    opened = harness.tab("a tab", cookie=cookie, path="/voice/ben")
    await opened.open()
    return opened


def shown(tab: Tab, var: str):
    return tab.value(VoiceState, var)


async def adjust(tab: Tab, name: str, value: str) -> None:
    await tab.send(VoiceState.adjust, name=name, value=value, slider_key=shown(tab, "slider_key"))


async def test_it_opens_with_who_speaks(tab: Tab) -> None:
    assert (shown(tab, "current").name, shown(tab, "instead")) == ("Polly", "")
    assert [one.about for one in shown(tab, "rows")] == ["British · old", "American · young", ""]
    assert [(one.key, one.count) for one in shown(tab, "groups")] == [
        ("female", 1),
        ("male", 1),
        ("character", 1),
    ]
    assert [one.is_current for one in shown(tab, "rows")] == [False, False, True]
    assert shown(tab, "adjustable") == ["speed", "stability"]
    assert shown(tab, "allowance") == "60 of 100 characters are left"
    assert shown(tab, "phrases")[0] == "Hello, I am Ben."


async def test_a_voice_is_found_and_chosen(tab: Tab, studio: Services, owner_id: str) -> None:
    await tab.send(VoiceState.search, text="british")
    assert [one.name for one in shown(tab, "rows")] == ["Ann"]
    await tab.send(VoiceState.choose, voice_id="ann")
    assert shown(tab, "current").name == "Ann"
    assert studio.personas.get_for(owner_id, "ben").voice_id == "ann"
    await tab.send(VoiceState.search, text="")
    await tab.send(VoiceState.filter_group, group="male")
    assert [one.name for one in shown(tab, "rows")] == ["Bob"]
    await tab.send(VoiceState.filter_group, group="male")
    assert len(shown(tab, "rows")) == 3
    await tab.send(VoiceState.choose, voice_id="nobody")
    assert shown(tab, "current").name == "Ann"


async def test_sliders_are_stored_and_reset(tab: Tab, studio: Services, owner_id: str) -> None:
    before = shown(tab, "current_clip")
    await adjust(tab, "stability", "20")
    await adjust(tab, "speed", "115")
    await tab.send(VoiceState.boost, wanted=False)
    stored = studio.personas.get_for(owner_id, "ben").voice_settings
    assert stored == {"stability": 0.2, "speed": 1.15, "speaker_boost": False}
    assert (shown(tab, "sliders").stability, shown(tab, "sliders").speed) == (20, 115)
    assert shown(tab, "current_clip") != before
    for name, value in (("stability", "2000"), ("speed", "x"), ("colour", "5")):
        await adjust(tab, name, value)
    assert studio.personas.get_for(owner_id, "ben").voice_settings == stored
    sliders = shown(tab, "slider_key")
    await tab.send(VoiceState.usual)
    assert studio.personas.get_for(owner_id, "ben").voice_settings == {}
    assert shown(tab, "sliders").is_usual is True
    assert shown(tab, "slider_key") != sliders


async def test_a_move_that_arrives_late_is_not_for_another_clone_nor_after_a_reset(
    tab: Tab, studio: Services, owner_id: str
) -> None:
    studio.personas.create(owner_id, {"name": "Ann"})
    late = {"name": "stability", "value": "20", "slider_key": shown(tab, "slider_key")}
    await tab.send(VoiceState.usual)
    await tab.send(VoiceState.adjust, **late)
    late["slider_key"] = shown(tab, "slider_key")
    await tab.open("/voice/ann")
    await tab.send(VoiceState.adjust, **late)
    assert shown(tab, "sliders").stability == 50
    for slug in ("ben", "ann"):
        assert studio.personas.get_for(owner_id, slug).voice_settings == {}


async def test_a_text_is_tried_with_another_voice(
    tab: Tab, studio: Services, owner_id: str, choir: Choir
) -> None:
    await tab.send(VoiceState.try_voice, voice_id="bob")
    await tab.send(VoiceState.speak, text="Good day.")
    clip = await studio.speech.open(owner_id, shown(tab, "trial_clip"))
    assert b"".join([piece async for piece in clip.read()]) == b"<bob:Good day.>"
    assert shown(tab, "trial_play") == 1
    await tab.send(VoiceState.heard, milliseconds=140)
    assert shown(tab, "trial_time") == "First sound after 140 ms"
    assert shown(tab, "today") == "9"
    await tab.send(VoiceState.speak, text="  ")
    assert "1 to 5,000" in shown(tab, "trial_problem")
    # Opening the page again plays nothing.
    await tab.open()
    assert shown(tab, "trial_clip") == ""
    await studio.speech.close()


async def test_an_engine_that_fails_is_told_and_asked_again(
    studio: Services,
    harness: Harness,
    cookie: str,
    owner_id: str,
    engine: SwitchedSpeech,
    choir: Choir,
) -> None:
    choir.down = True
    studio.personas.update(owner_id, "ben", {"voice_settings": {"stability": 0.2}})
    tab = harness.tab("a tab", cookie=cookie, path="/voice/ben")
    await tab.open()
    assert shown(tab, "list_problem") == "It cannot be reached."
    assert shown(tab, "today") == "0"
    assert shown(tab, "sliders").stability == 20, "what is stored is known without the engine"
    choir.down = False
    await tab.send(VoiceState.retry)
    assert (shown(tab, "list_problem"), shown(tab, "current").name) == ("", "Polly")


async def test_without_speech_the_page_says_how_to_have_it(
    tab: Tab, engine: SwitchedSpeech, tmp_path
) -> None:
    await engine.exchange(NoSpeech())
    await tab.open()
    assert shown(tab, "engine") == "off"
    await engine.exchange(LocalSpeech(tmp_path))
    await tab.open()
    assert "models install speech" in shown(tab, "list_problem")


async def test_somebody_elses_voice_is_not_there(
    studio: Services, harness: Harness, tab: Tab, owner_id: str
) -> None:
    with studio.database.write() as session:
        session.add(User(id="eve", email="eve@example.org"))
    studio.auth.set_password("eve", "", OWNER_PASSWORD, keep_session_id="")
    cookie = studio.auth.sign_in("eve@example.org", OWNER_PASSWORD, "test").token
    other = harness.tab("of eve", cookie=cookie, path="/voice/ben")
    await other.open()
    assert shown(other, "missing") is True
    await other.send(VoiceState.choose, voice_id="ann")
    await adjust(other, "stability", "20")
    await other.send(VoiceState.speak, text="Hello.")
    persona = studio.personas.get_for(owner_id, "ben")
    assert (persona.voice_id == "ann", persona.voice_settings) == (False, {})
    assert shown(other, "trial_clip") == ""
