"""A newcomer's way through the whole studio over HTTP: link, clone, document, question, answer."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from clone_studio import bootstrap
from clone_studio.bootstrap import Services
from clone_studio.settings import Settings
from tests.api.conftest import ORIGIN, alive
from tests.conftest import with_small_guide
from tests.servers.openai_server import Behaviour, OpenAIServer

VIRTUES = """# The thirteen virtues

Temperance comes first: eat not to dullness, drink not to elevation.

# The post

The letters of the colony are sorted every Tuesday at the harbour.
"""
QUESTION = "When are the letters of the colony sorted?"


@pytest.fixture
def writing(settings: Settings) -> Iterator[Services]:
    """A studio whose answers and vectors come from a server that speaks OpenAI's protocol."""
    words = Behaviour(text="They are sorted on Tuesdays [1]. Nothing else is known [9].")
    with OpenAIServer(words).running() as server:
        given = Settings(
            _env_file=None,
            data_dir=settings.data_dir,
            openai_base_url=server.address,
            openai_api_key="sk-secret-of-the-test",
            embedding_model="stand-in",
        )
        built = with_small_guide(bootstrap.build(given))
        bootstrap.override(built)
        yield built
        bootstrap.override(None)
        built.database.dispose()


def events_of(body: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the named events of a server-sent stream."""
    blocks = [block.split("\n") for block in body.strip().split("\n\n")]
    return [
        (lines[0].removeprefix("event: "), json.loads(lines[1].removeprefix("data: ")))
        for lines in blocks
        if lines[0].startswith("event: ")
    ]


async def ready_file(client: httpx.AsyncClient, studio: Services, clone: str) -> str:
    """Upload the document and wait until it is ready; return its id."""
    async with asyncio.timeout(60), studio.events.subscribe("persona:") as heard:
        answer = await client.post(
            f"/api/personas/{clone}/files", files={"file": ("virtues.md", VIRTUES.encode())}
        )
        assert answer.status_code == 201, answer.text
        file_id: str = answer.json()["id"]
        changes = aiter(heard)
        while True:
            path = f"/api/personas/{clone}/files/{file_id}/status"
            status = (await client.get(path)).json()
            if status["status"] != "processing":
                assert (status["status"], status["error"]) == ("ready", None)
                return file_id
            await anext(changes)


async def walk(whole: ASGIApp, studio: Services) -> tuple[str, list[dict[str, Any]]]:
    """Walk from the printed link to a finished answer; return its text and citations."""
    transport = httpx.ASGITransport(app=whole)
    headers = {"Origin": ORIGIN}
    async with (
        alive(whole),
        httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers) as client,
    ):
        signed_in = await client.get(f"/api/auth/link/{studio.auth.make_link()}")
        assert signed_in.headers["location"] == "/clones"
        first = (await client.get("/api/personas")).json()["personas"]
        assert [one["isSample"] for one in first] == [True]
        made = await client.post("/api/personas", json={"name": "Ben"})
        clone = made.json()["slug"]
        file_id = await ready_file(client, studio, clone)
        answer = await client.post(f"/api/chat/{clone}", json={"message": QUESTION})
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = events_of(answer.text)
        assert (events[0][0], events[-1][0]) == ("thread_info", "done")
        assert events[-1][1]["status"] == "complete"
        text = "".join(data["text"] for name, data in events if name == "token")
        citations = next(data["citations"] for name, data in events if name == "citations")
        assert {one["fileId"] for one in citations} == {file_id}
        await the_source_is_there(client, clone, citations[0])
        await the_thread_is_kept(client, events[0][1]["threadId"], text)
    return text, citations


async def the_source_is_there(
    client: httpx.AsyncClient, clone: str, citation: dict[str, Any]
) -> None:
    path = f"/api/personas/{clone}/files/{citation['fileId']}/pages"
    page = (await client.get(path, params={"first": citation["page"]})).json()["pages"][0]
    assert page["text"][citation["start"] : citation["end"]] == citation["quote"]
    assert "Tuesday" in citation["quote"]


async def the_thread_is_kept(client: httpx.AsyncClient, thread_id: str, text: str) -> None:
    listed = (await client.get("/api/conversations")).json()["conversations"]
    assert [one["id"] for one in listed] == [thread_id]
    path = f"/api/conversations/{thread_id}/messages"
    messages = (await client.get(path)).json()["messages"]
    assert [(one["role"], one["status"]) for one in messages] == [
        ("user", "complete"),
        ("assistant", "complete"),
    ]
    assert messages[1]["content"] == text
    assert {"retrieve.search"} <= {span["name"] for span in messages[1]["spans"]}


async def test_without_a_key_the_answer_is_a_quote(whole: ASGIApp, studio: Services) -> None:
    text, _ = await walk(whole, studio)
    assert "sorted every Tuesday" in text
    assert "[1]" in text


async def test_with_a_model_server_the_answer_is_written(
    whole: ASGIApp, writing: Services, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    text, citations = await walk(whole, writing)
    assert text.startswith("They are sorted on Tuesdays [1].")
    assert "[9]" not in text
    assert [one["number"] for one in citations] == [1]
    assert "sk-secret-of-the-test" not in caplog.text
