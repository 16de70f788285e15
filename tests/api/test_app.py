import json
import re

import httpx
import pytest

from clone_studio import bootstrap
from clone_studio.api.app import api_app
from clone_studio.api.limits import BODY_LIMIT
from clone_studio.db import Database
from clone_studio.services.auth import SESSION_COOKIE
from clone_studio.settings import Settings
from tests.api.conftest import client_of_api


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nothing", "/api/nothing/here"])
async def test_what_is_not_there_is_problem_json(
    nobody: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await nobody.request(method, path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json()) == {"type", "title", "status", "detail", "code", "retryable"}


async def test_a_wrong_method_is_a_problem_too(nobody: httpx.AsyncClient) -> None:
    answer = await nobody.delete("/api/auth/token")
    assert answer.status_code == 405
    assert answer.json()["title"] == "Method Not Allowed"


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff", b'{"email": 1}', b"null"])
async def test_broken_json_is_answered_clearly(nobody: httpx.AsyncClient, body: bytes) -> None:
    answer = await nobody.post(
        "/api/auth/token", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_large_body_is_refused_by_its_bytes(nobody: httpx.AsyncClient) -> None:
    async def pieces():
        for _ in range(BODY_LIMIT // 1000 + 2):
            yield b"x" * 1000

    answer = await nobody.post("/api/auth/token", content=pieces())
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"


async def test_every_answer_carries_an_id(nobody: httpx.AsyncClient) -> None:
    ids = {(await nobody.get("/api/health")).headers["x-request-id"] for _ in range(2)}
    assert len(ids) == 2


async def test_one_line_a_request_and_no_secret(
    nobody: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "clone_studio.request")
    await nobody.get("/api/auth/link/top-secret?also=secret-too")
    record = next(one for one in caplog.records if one.message == "request")
    assert (record.method, record.status, record.path) == ("GET", 303, "/api/auth/link/…")
    assert "secret" not in json.dumps(vars(record), default=str)


async def test_health_is_open_and_has_its_parts(nobody: httpx.AsyncClient) -> None:
    answer = await nobody.get("/api/health")
    body = answer.json()
    assert {"status", "version", "service", "parts"} == set(body)
    assert body["service"] == "clone-studio"
    names = {part["name"] for part in body["parts"]}
    assert {"database", "language model", "embedding model", "disk"} <= names


async def test_the_docs_are_served_without_a_vendor(nobody: httpx.AsyncClient) -> None:
    page = await nobody.get("/api/docs")
    assert page.status_code == 200
    assert not re.search(r"(?:src|href)=.https?:", page.text)
    assert "<script" not in page.text
    assert "/api/personas/{persona}/files" in page.text
    spec = (await nobody.get("/api/openapi.json")).json()
    assert "Problem" in spec["components"]["schemas"]


def test_the_description_is_complete() -> None:
    spec = api_app().openapi()
    ids = []
    for path, methods in spec["paths"].items():
        for verb, operation in methods.items():
            ids.append(operation["operationId"])
            assert operation.get("description"), (verb, path)
            if path not in {"/api/health"}:
                assert "422" in operation["responses"], (verb, path)
                schema = operation["responses"]["422"]["content"]["application/json"]["schema"]
                assert schema["$ref"].endswith("/Problem"), (verb, path)
    assert len(ids) == len(set(ids))
    for name, shape in spec["components"]["schemas"].items():
        for field in shape.get("properties", {}):
            assert "_" not in field, (name, field)


async def test_a_database_that_does_not_answer_is_a_problem_of_its_own(
    settings: Settings,
) -> None:
    lost = Database("postgres://studio:hidden@127.0.0.1:9/studio")
    bootstrap.override(bootstrap.build(settings, database=lost))
    try:
        async with client_of_api() as client:
            client.cookies.set(SESSION_COOKIE, "a session")
            answer = await client.get("/api/personas")
    finally:
        bootstrap.override(None)
    assert (answer.status_code, answer.json()["code"]) == (503, "database")
    assert answer.json()["retryable"]
    assert "hidden" not in answer.text
