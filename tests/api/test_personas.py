from typing import Any
from uuid import uuid4

import pytest

from clone_studio.bootstrap import Services
from tests.api.conftest import Person


async def made(person: Person, **fields: Any) -> dict[str, Any]:
    answer = await person.client.post("/api/personas", json={"name": "Ada", **fields})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_clone_needs_only_a_name(owner: Person) -> None:
    clone = await made(owner, somethingElse=1)
    assert (clone["name"], clone["slug"], clone["files"], clone["chunks"]) == ("Ada", "ada", 0, 0)
    assert {"maxTokens", "exampleQuestions", "noAnswerText", "consentAt", "isSample"} <= set(clone)
    assert (await owner.client.get("/api/personas")).json() == {"personas": [clone]}
    for ref in (clone["id"], clone["slug"], clone["slug"].upper()):
        assert (await owner.client.get(f"/api/personas/{ref}")).json() == clone


async def test_requests_may_use_either_case(owner: Person) -> None:
    camel = await made(owner, maxTokens=99, exampleQuestions=["Who?"])
    snake = await made(owner, max_tokens=99, example_questions=["Who?"])
    assert camel["maxTokens"] == snake["maxTokens"] == 99
    assert camel["exampleQuestions"] == snake["exampleQuestions"] == ["Who?"]
    assert (camel["slug"], snake["slug"]) == ("ada", "ada-2")


async def test_patch_changes_what_it_names(owner: Person) -> None:
    clone = await made(owner, purpose="Counts.")
    changed = (
        await owner.client.patch(f"/api/personas/{clone['id']}", json={"slug": "countess"})
    ).json()
    assert (changed["slug"], changed["purpose"]) == ("countess", "Counts.")
    assert (await owner.client.get("/api/personas/ada")).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"slug": "New"}, "slug"),
        ({"temperature": 3}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"maxTokens": 1}, "max_tokens"),
        ({"retrieval": {"limit": 99}}, "retrieval.limit"),
        ({"exampleQuestions": "Who?"}, "exampleQuestions"),
    ],
)
async def test_a_value_out_of_bounds_is_named(
    owner: Person, body: dict[str, Any], field: str
) -> None:
    await made(owner)
    answer = await owner.client.patch("/api/personas/ada", json=body)
    problem = answer.json()
    assert answer.status_code == problem["status"] == 422
    assert problem["errors"][0]["field"] == field
    assert problem["type"] == "urn:clone-studio:problem:invalid_input"


async def test_a_taken_address_is_a_conflict(owner: Person) -> None:
    await made(owner)
    assert (
        await owner.client.post("/api/personas", json={"name": "B", "slug": "ada"})
    ).status_code == 409
    await made(owner, name="Bob")
    assert (await owner.client.patch("/api/personas/bob", json={"slug": "ada"})).status_code == 409


async def test_settings_use_their_own_words(owner: Person) -> None:
    await made(owner)
    body = {"defaultModel": "gpt-x", "temperature": 1.5, "maxTokens": 64, "voiceId": "later"}
    answer = await owner.client.put("/api/personas/ada/settings", json=body)
    assert answer.json() == {"settings": body}
    assert (await owner.client.get("/api/personas/ada")).json()["model"] == "gpt-x"


async def test_deleting_says_what_went(owner: Person) -> None:
    await made(owner)
    answer = await owner.client.delete("/api/personas/ada")
    assert answer.json() == {"success": True, "files": 0, "chunks": 0, "threads": 0, "messages": 0}
    assert (await owner.client.get("/api/personas/ada")).status_code == 404


async def test_a_copy_is_a_clone_of_its_own(owner: Person) -> None:
    clone = await made(owner, purpose="Counts.", consentStatement="I may.")
    answer = await owner.client.post("/api/personas/ada/duplicate")
    assert answer.status_code == 201
    twin = answer.json()
    assert (twin["name"], twin["slug"], twin["purpose"]) == ("Ada (copy)", "ada-copy", "Counts.")
    assert twin["id"] != clone["id"]
    assert (clone["consentStatement"], twin["consentStatement"]) == ("I may.", "")


async def test_somebody_elses_clone_looks_like_none(owner: Person, stranger: Person) -> None:
    clone = await made(owner)
    for ref in (clone["id"], clone["slug"]):
        for method, path, body in (
            ("GET", "", None),
            ("PATCH", "", {"name": "Mine"}),
            ("DELETE", "", None),
            ("POST", "/duplicate", None),
            ("PUT", "/settings", {"temperature": 1}),
            ("POST", "/search", {"query": "x"}),
            ("GET", "/files", None),
            ("POST", "/files", None),
            ("GET", f"/files/{uuid4()}", None),
        ):
            theirs = await stranger.client.request(method, f"/api/personas/{ref}{path}", json=body)
            absent = await owner.client.request(method, f"/api/personas/{uuid4()}{path}", json=body)
            assert theirs.status_code == absent.status_code == 404, (method, path)
            assert theirs.json() == absent.json()
    assert (await owner.client.get("/api/personas/ada")).json() == clone


async def test_acts_that_matter_are_in_the_audit_log(studio: Services, owner: Person) -> None:
    await made(owner, consentStatement="I am Ada.")
    await owner.client.post("/api/personas/ada/duplicate")
    await owner.client.delete("/api/personas/ada")
    with studio.database.read() as session:
        from sqlmodel import select

        from clone_studio.models import AuditEntry

        actions = set(session.exec(select(AuditEntry.action)).all())
    assert {
        "persona.created",
        "persona.consent",
        "persona.duplicated",
        "persona.deleted",
    } <= actions
