"""The chat and thread routes: shapes, streams, errors, and whose threads they are."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import httpx
import pytest

from clone_studio import bootstrap
from clone_studio.api.app import api_app
from clone_studio.api.event_stream import event_stream
from clone_studio.errors import ProviderQuota
from clone_studio.services.auth import SESSION_COOKIE
from clone_studio.settings import Settings
from tests.chat_world import OWNER, STRANGER, PacedModel, World, build_world

ORIGIN = "http://127.0.0.1:3000"


@pytest.fixture
def model() -> PacedModel:
    return PacedModel()


@pytest.fixture
async def world(settings: Settings, model: PacedModel) -> AsyncIterator[World]:
    made = build_world(settings, model)
    bootstrap.override(made.services)
    yield made
    bootstrap.override(None)
    await made.chat.close()
    made.services.database.dispose()


def client_for(world: World, user_id: str | None) -> httpx.AsyncClient:
    """Return a client of the API that is signed in as `user_id`, by cookie."""
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=api_app()), base_url=ORIGIN, headers={"Origin": ORIGIN}
    )
    if user_id is not None:
        auth = world.services.auth
        auth.set_password(user_id, "", "correct horse battery", keep_session_id="")
        signed_in = auth.sign_in(f"{user_id}@example.org", "correct horse battery", "test")
        client.cookies.set(SESSION_COOKIE, signed_in.token)
    return client


@pytest.fixture
async def owner(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with client_for(world, OWNER) as client:
        yield client


@pytest.fixture
async def stranger(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with client_for(world, STRANGER) as client:
        yield client


def events_of(body: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the named events of a server-sent stream."""
    found = []
    for block in body.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


async def ask(client: httpx.AsyncClient, model: PacedModel, **body: Any) -> list[Any]:
    model.say("Temperance comes first [1].")
    model.finish()
    answer = await client.post("/api/chat/ben", json=body)
    assert answer.status_code == 200
    return events_of(answer.text)


async def test_an_answer_comes_as_events(
    owner: httpx.AsyncClient, world: World, model: PacedModel
) -> None:
    model.say("Temperance comes first [1].")
    model.finish()
    answer = await owner.post("/api/chat/ben", json={"message": "Which virtue comes first?"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "no-cache" in answer.headers["cache-control"]
    assert answer.headers["x-accel-buffering"] == "no"
    events = events_of(answer.text)
    names = [name for name, _ in events]
    assert names[0] == "thread_info" and names[-2:] == ["citations", "done"]
    assert set(names[1:-2]) == {"token"}
    text = "".join(data["text"] for name, data in events if name == "token")
    assert text == "Temperance comes first [1]."
    (citation,) = events[-2][1]["citations"]
    assert {
        "number", "chunkId", "fileId", "file", "page", "start", "end", "quote", "score",
    } <= citation.keys()  # fmt: skip
    done = events[-1][1]
    assert done["status"] == "complete"
    assert done["usage"]["promptTokens"] == 100
    assert {"name", "startMs", "ms"} == done["spans"][0].keys()

    info = events[0][1]
    page = (await owner.get(f"/api/conversations/{info['threadId']}/messages")).json()
    assert page["hasMore"] is False
    question, stored = page["messages"]
    assert (question["role"], question["content"]) == ("user", "Which virtue comes first?")
    assert stored["id"] == info["messageId"] == done["messageId"]
    assert stored["parentId"] == question["id"] == info["userMessageId"]
    assert (stored["content"], stored["status"]) == (text, "complete")
    assert stored["citations"] == [citation]
    assert stored["createdAt"].endswith("Z")


@pytest.mark.parametrize("field", ["threadId", "thread_id"])
async def test_a_thread_goes_on_in_either_spelling(
    owner: httpx.AsyncClient, model: PacedModel, field: str
) -> None:
    made = await owner.post("/api/chat/ben/conversations")
    assert made.status_code == 201
    assert made.json().keys() == {"threadId", "createdAt"}
    thread = made.json()["threadId"]
    events = await ask(owner, model, message="Which virtue?", **{field: thread}, unknown=True)
    assert events[0][1]["threadId"] == thread


async def test_following_again_and_stopping(
    owner: httpx.AsyncClient, world: World, model: PacedModel
) -> None:
    started = await world.chat.start(OWNER, "ben", "Which virtue?")
    model.say("Temperance")
    async with aclosing(world.attach(started.message_id)) as events:  # type: ignore[type-var]
        await anext(events)
        await anext(events)
    following = asyncio.create_task(owner.get(f"/api/chat/ben/stream/{started.message_id}"))
    stopped = await owner.post(f"/api/chat/ben/stop/{started.message_id}")
    assert stopped.json() == {
        "success": True,
        "messageId": started.message_id,
        "status": "stopped",
    }
    for answer in (
        await following,
        await owner.get(f"/api/chat/{world.persona.id}/stream/{started.message_id}"),
    ):
        found = events_of(answer.text)
        assert [name for name, _ in found] == ["thread_info", "token", "done"]
        assert found[1][1] == {"text": "Temperance"}
        assert found[2][1]["status"] == "stopped"


async def test_a_failure_is_an_event_with_a_sentence(
    owner: httpx.AsyncClient, model: PacedModel
) -> None:
    model.say(ProviderQuota("There is no credit left."))
    answer = await owner.post("/api/chat/ben", json={"message": "Which virtue?"})
    name, data = events_of(answer.text)[-1]
    assert name == "error"
    assert data["title"] == "No credit left"
    assert data["detail"] == "There is no credit left."
    assert data["retryable"] is False


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"message": "  "}, 422, "empty"),
        ({}, 422, "required"),
        ({"message": 5}, 422, "string"),
        ({"message": "x" * 100_000}, 413, "20,000 is the most"),
        ({"message": "x" * 1_100_000}, 413, "at most 1 MB"),
        ({"message": "Hi", "threadId": "nonsense"}, 404, "no such thread"),
        ({"message": "Hi", "threadId": "x" * 65}, 422, "64"),
    ],
)
async def test_what_cannot_be_asked_is_a_problem(
    owner: httpx.AsyncClient, body: dict[str, Any], status: int, words: str
) -> None:
    answer = await owner.post("/api/chat/ben", json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]
    assert (await owner.get("/api/conversations")).json()["conversations"] == []


async def test_a_second_question_has_to_wait(
    owner: httpx.AsyncClient, world: World, model: PacedModel
) -> None:
    started = await world.chat.start(OWNER, "ben", "Which virtue?")
    answer = await owner.post(
        "/api/chat/ben", json={"message": "Next?", "threadId": started.thread_id}
    )
    assert answer.status_code == 409
    assert "still answering" in answer.json()["detail"]


async def test_threads_are_listed_renamed_deleted_and_restored(
    owner: httpx.AsyncClient, model: PacedModel
) -> None:
    threads = [
        (await ask(owner, model, message=question))[0][1]["threadId"]
        for question in ("First?", "Second?", "Third?")
    ]
    page = (await owner.get("/api/conversations", params={"limit": 2})).json()
    assert [one["title"] for one in page["conversations"]] == ["Third?", "Second?"]
    assert page["hasMore"] is True
    first = page["conversations"][0]
    assert {"id", "title", "personaName", "lastMessageAt", "messageCount"} <= first.keys()
    assert (first["personaName"], first["messageCount"]) == ("Ben", 2)
    for before in (page["conversations"][1]["id"], page["conversations"][1]["lastMessageAt"]):
        rest = (await owner.get("/api/conversations", params={"before": before})).json()
        assert [one["id"] for one in rest["conversations"]] == [threads[0]]
        assert rest["hasMore"] is False

    address = f"/api/conversations/{threads[0]}"
    renamed = await owner.patch(address, json={"title": "On virtues"})
    assert renamed.json()["title"] == "On virtues"
    assert (await owner.get(address)).json()["title"] == "On virtues"
    assert (await owner.delete(address)).json() == {"success": True}
    assert (await owner.get(address)).status_code == 404
    assert (await owner.get(f"{address}/messages")).status_code == 404
    assert (await owner.post(f"{address}/restore")).json()["id"] == threads[0]
    assert (await owner.get(address)).status_code == 200


async def test_messages_are_paged(owner: httpx.AsyncClient, model: PacedModel) -> None:
    info = (await ask(owner, model, message="First?"))[0][1]
    await ask(owner, model, message="Second?", threadId=info["threadId"])
    address = f"/api/conversations/{info['threadId']}/messages"
    newest = (await owner.get(address, params={"limit": 3})).json()
    assert [one["role"] for one in newest["messages"]] == ["assistant", "user", "assistant"]
    assert newest["hasMore"] is True
    before = newest["messages"][0]["id"]
    earlier = (await owner.get(address, params={"before": before})).json()
    assert [one["content"] for one in earlier["messages"]] == ["First?"]
    for wrong in (0, 201, "many"):
        assert (await owner.get(address, params={"limit": wrong})).status_code == 422


async def test_nobody_reaches_what_is_not_theirs(
    owner: httpx.AsyncClient, stranger: httpx.AsyncClient, world: World, model: PacedModel
) -> None:
    info = (await ask(owner, model, message="Mine?"))[0][1]
    thread, message = info["threadId"], info["messageId"]
    calls: list[tuple[str, str, Any]] = [
        ("POST", "/api/chat/ben/conversations", None),
        ("POST", "/api/chat/ben", {"message": "Yours?"}),
        ("POST", f"/api/chat/{world.persona.id}", {"message": "Yours?", "threadId": thread}),
        ("GET", f"/api/chat/ben/stream/{message}", None),
        ("POST", f"/api/chat/ben/stop/{message}", None),
        ("GET", f"/api/conversations/{thread}", None),
        ("PATCH", f"/api/conversations/{thread}", {"title": "Taken"}),
        ("DELETE", f"/api/conversations/{thread}", None),
        ("POST", f"/api/conversations/{thread}/restore", None),
        ("GET", f"/api/conversations/{thread}/messages", None),
    ]
    async with client_for(world, None) as nobody:
        for method, path, body in calls:
            assert (await stranger.request(method, path, json=body)).status_code == 404, path
            assert (await nobody.request(method, path, json=body)).status_code == 401, path
        assert (await nobody.get("/api/conversations")).status_code == 401
    assert (await stranger.get("/api/conversations")).json()["conversations"] == []
    world.services.personas.create(OWNER, {"name": "Emerson"})
    assert (await owner.get(f"/api/chat/emerson/stream/{message}")).status_code == 404
    assert (await owner.post(f"/api/chat/emerson/stop/{message}")).status_code == 404
    assert (await owner.get(f"/api/conversations/{thread}")).json()["title"] == "Mine?"


async def test_another_sites_page_cannot_ask(owner: httpx.AsyncClient) -> None:
    evil = {"Origin": "https://evil.example"}
    answer = await owner.post("/api/chat/ben", json={"message": "Hi"}, headers=evil)
    assert answer.status_code == 401


async def test_a_long_silence_is_filled_with_comments() -> None:
    async def quiet() -> AsyncIterator[dict[str, Any]]:
        yield {"event": "thread_info", "threadId": "t"}
        yield {"event": "keep_alive"}
        yield {"event": "token", "text": "zwei\nZeilen\u2028ü"}

    response = await event_stream(quiet())
    parts = [str(part) async for part in response.body_iterator]
    assert parts[1] == ": keep-alive\n\n"
    assert events_of(parts[2]) == [("token", {"text": "zwei\nZeilen\u2028ü"})]
