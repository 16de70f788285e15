"""Prompts over the API: versions, drafts, activation, templates, and what others see of it."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from tests.api.conftest import Person

PROMPTS = "/api/personas/ada/prompts"
SYSTEM = f"{PROMPTS}/system/main"
LAYERS = ("system", "rag", "user")


@pytest.fixture(autouse=True)
async def clone(owner: Person) -> dict[str, Any]:
    """A clone called Ada."""
    made: dict[str, Any] = (await owner.client.post("/api/personas", json={"name": "Ada"})).json()
    return made


async def saved(person: Person, text: str, **fields: Any) -> dict[str, Any]:
    answer = await person.client.post(f"{SYSTEM}/versions", json={"content": text, **fields})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def in_force(person: Person) -> dict[str, Any]:
    (prompt,) = (await person.client.get(PROMPTS)).json()["prompts"]["system"]
    return dict(prompt)


async def test_what_is_in_force_is_grouped_by_layer(owner: Person) -> None:
    prompts = (await owner.client.get(PROMPTS)).json()["prompts"]
    assert tuple(prompts) == LAYERS
    for layer in LAYERS:
        (one,) = prompts[layer]
        assert (one["layer"], one["name"], one["version"]) == (layer, "main", 1)
        assert (one["isActive"], one["source"]) == (True, "version")
        assert one["template"] == "Default, version 1"


async def test_save_activate_and_restore(owner: Person) -> None:
    made = await saved(owner, "Be brief.", commitMessage="Shorter")
    version = made["version"]
    assert {"id", "parentVersionId", "createdAt", "author"} <= set(version)
    assert (version["layer"], version["name"], version["version"]) == ("system", "main", 2)
    assert (version["content"], version["commitMessage"]) == ("Be brief.", "Shorter")
    assert (version["isActive"], version["author"]) == (False, "ada@example.org")
    assert made["diff"].startswith("--- v1\n+++ v2\n@@")
    assert made["diff"].endswith("+Be brief.")
    assert (await in_force(owner))["version"] == 1
    done = (await owner.client.put(f"{PROMPTS}/{version['id']}/activate")).json()
    assert (done["success"], done["previousActive"]) == (True, 1)
    assert (await in_force(owner))["content"] == "Be brief."
    answer = await owner.client.post(
        f"{PROMPTS}/{done['previousActiveId']}/restore", json={"activate": True}
    )
    restored = answer.json()["version"]
    assert (restored["version"], restored["restoredFrom"], restored["isActive"]) == (3, 1, True)
    assert answer.json()["previousActive"] == 2
    listed = (await owner.client.get(f"{SYSTEM}/versions?limit=2")).json()
    assert [one["version"] for one in listed["versions"]] == [3, 2]
    assert (listed["activeVersion"], listed["newestVersion"], listed["hasMore"]) == (3, 3, True)
    before = listed["versions"][-1]["id"]
    rest = (await owner.client.get(f"{SYSTEM}/versions", params={"before": before})).json()
    assert ([one["version"] for one in rest["versions"]], rest["hasMore"]) == ([1], False)


async def test_twenty_saves_at_once_have_twenty_numbers(owner: Person) -> None:
    made = await asyncio.gather(*(saved(owner, f"Text {n}.", activate=True) for n in range(20)))
    assert sorted(one["version"]["version"] for one in made) == list(range(2, 22))
    listed = (await owner.client.get(f"{SYSTEM}/versions?limit=100")).json()
    assert [one["version"] for one in listed["versions"]] == list(range(21, 0, -1))
    assert sum(one["isActive"] for one in listed["versions"]) == 1


async def test_a_version_overtaken_by_another_is_a_conflict(owner: Person) -> None:
    base = (await in_force(owner))["id"]
    await saved(owner, "First.", baseVersionId=base)
    answer = await owner.client.post(
        f"{SYSTEM}/versions", json={"content": "Second.", "base_version_id": base}
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "overtaken")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"content": ""}, 422),
        ({"content": "One\n{{ two }}"}, 422),
        ({"content": "x" * 40_001}, 413),
        ({"content": "x", "commitMessage": "m" * 501}, 422),
        ({}, 422),
    ],
)
async def test_what_cannot_be_saved_is_named(
    owner: Person, body: dict[str, Any], status: int
) -> None:
    answer = await owner.client.post(f"{SYSTEM}/versions", json=body)
    assert answer.status_code == status
    assert answer.json()["errors"][0]["field"] in {"content", "commitMessage"}


async def test_a_text_is_checked_and_shown_as_it_would_be(owner: Person) -> None:
    body = {"layer": "user", "content": "Hello {{ persona.nmae }}\n{% if %}"}
    found = (await owner.client.post(f"{PROMPTS}/check", json=body)).json()
    assert [one["line"] for one in found["problems"]] == [2]
    assert (found["lines"], found["tokens"]) == (2, 9)
    body["content"] = "Hello {{ persona.nmae }}"
    found = (await owner.client.post(f"{PROMPTS}/check", json=body)).json()
    assert "nmae" in found["problems"][0]["text"]
    shown = (
        await owner.client.post(f"{PROMPTS}/preview", json={"system": "I am {{ persona.name }}."})
    ).json()
    system = next(one for one in shown["layers"] if one["layer"] == "system")
    assert (system["text"], system["source"], system["problem"]) == ("I am Ada.", "draft", "")


async def test_drafts_are_kept_for_each_user(owner: Person) -> None:
    draft = f"{PROMPTS}/rag/main/draft"
    assert (await owner.client.get(draft)).json() == {"draft": None}
    await owner.client.put(draft, json={"content": "{{ half"})
    assert (await owner.client.get(draft)).json()["draft"]["content"] == "{{ half"
    assert (await owner.client.delete(draft)).json() == {"success": True}
    assert (await owner.client.get(draft)).json() == {"draft": None}


async def test_templates_are_listed_and_applied(owner: Person) -> None:
    templates = (await owner.client.get("/api/templates")).json()["templates"]
    assert [one["name"] for one in templates] == ["default", "creative_writer", "technical_expert"]
    answer = await owner.client.post(
        f"{PROMPTS}/from-template", json={"templateName": "creative_writer"}
    )
    body = answer.json()
    assert body["success"] is True
    for layer in LAYERS:
        assert body["prompts"][layer][0]["version"] == 2
        assert body["prompts"][layer][0]["template"] == "Creative writer, version 1"
    assert (await owner.client.get("/api/personas/ada")).json()["templateName"] == "creative_writer"
    answer = await owner.client.post(f"{PROMPTS}/from-template", json={"template_name": "none"})
    assert answer.status_code == 404


@pytest.mark.parametrize("field", ["template", "templateName", "template_name"])
async def test_a_clone_can_begin_with_a_template(owner: Person, field: str) -> None:
    answer = await owner.client.post("/api/personas", json={"name": "Bo", field: "creative_writer"})
    assert answer.json()["templateName"] == "creative_writer"
    (one,) = (await owner.client.get("/api/personas/bo/prompts")).json()["prompts"]["system"]
    assert one["template"] == "Creative writer, version 1"


async def test_somebody_elses_prompts_look_like_none(
    owner: Person, stranger: Person, clone: dict[str, Any]
) -> None:
    version = (await saved(owner, "Mine."))["version"]["id"]
    for method, path, body in (
        ("GET", "", None),
        ("GET", "/system/main/versions", None),
        ("POST", "/system/main/versions", {"content": "Theirs."}),
        ("PUT", f"/{version}/activate", None),
        ("POST", f"/{version}/restore", None),
        ("POST", "/from-template", {"templateName": "default"}),
        ("POST", "/check", {"content": "x"}),
        ("POST", "/preview", {}),
        ("GET", "/system/main/draft", None),
        ("PUT", "/system/main/draft", {"content": "x"}),
        ("DELETE", "/system/main/draft", None),
    ):
        address = f"/api/personas/{{}}/prompts{path}"
        theirs = await stranger.client.request(method, address.format(clone["id"]), json=body)
        absent = await owner.client.request(method, address.format(uuid4()), json=body)
        assert theirs.status_code == absent.status_code == 404, (method, path)
        assert theirs.json() == absent.json()
    assert (await in_force(owner))["version"] == 1
    for path in ("/memory/main/versions", "/system/A%20b/versions", f"/{uuid4()}/nothing"):
        assert (await owner.client.get(PROMPTS + path)).status_code in {404, 405}
