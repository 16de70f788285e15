import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from clone_studio.bootstrap import Services
from clone_studio.worker import Worker
from tests.api.conftest import Person

TEXT = b"The analytical engine weaves algebraic patterns, just as the Jacquard loom weaves flowers."


@pytest.fixture
def working(studio: Services) -> Iterator[Services]:
    workers = Worker(studio, ingesters=2)
    workers.start()
    yield studio
    workers.stop()


@pytest.fixture
async def clone(owner: Person) -> dict[str, Any]:
    answer = await owner.client.post("/api/personas", json={"name": "Ada"})
    body: dict[str, Any] = answer.json()
    return body


async def sent(
    person: Person, name: str = "notes.txt", content: bytes = TEXT, ref: str = "ada"
) -> Any:
    files = {"file": (name, content, "text/plain")}
    return await person.client.post(f"/api/personas/{ref}/files", files=files)


async def settled(
    studio: Services, person: Person, persona_id: str, file_id: str
) -> dict[str, Any]:
    """Return the file once its processing has ended."""
    async with asyncio.timeout(60), studio.events.subscribe(f"persona:{persona_id}") as heard:
        changes = aiter(heard)
        while True:
            answer = await person.client.get(f"/api/personas/{persona_id}/files/{file_id}")
            body: dict[str, Any] = answer.json()
            if body["status"] != "processing":
                return body
            await anext(changes)


async def test_an_upload_becomes_a_ready_file(
    working: Services, owner: Person, clone: dict[str, Any]
) -> None:
    answer = await sent(owner)
    assert answer.status_code == 201
    uploaded = answer.json()
    assert set(uploaded) == {"id", "status"}
    file = await settled(working, owner, clone["id"], uploaded["id"])
    assert (file["status"], file["name"], file["size"]) == ("ready", "notes.txt", len(TEXT))
    assert (file["pages"], file["chunks"], file["error"]) == (1, 1, None)
    path = f"/api/personas/ada/files/{file['id']}"
    assert (await owner.client.get(f"{path}/status")).json()["status"] == "ready"
    chunk = (await owner.client.get(f"{path}/chunks")).json()["chunks"][0]
    assert chunk["text"].encode() == TEXT
    assert (chunk["page"], chunk["start"], chunk["enabled"]) == (1, 0, True)
    page = (await owner.client.get(f"{path}/pages")).json()["pages"][0]
    assert page["text"][chunk["start"] : chunk["end"]] == chunk["text"]
    listed = (await owner.client.get("/api/personas/ada/files")).json()
    assert [one["id"] for one in listed["files"]] == [file["id"]]
    assert listed["hasMore"] is False
    found = await owner.client.post("/api/personas/ada/search", json={"query": "Jacquard loom"})
    result = found.json()["results"][0]
    assert result["fileId"] == file["id"]
    assert {"keyword", "vector", "fused", "rerank"} == set(result["ranks"])


async def test_the_same_content_is_already_there(owner: Person, clone: dict[str, Any]) -> None:
    first = (await sent(owner)).json()
    again = await sent(owner, name="other-name.txt")
    assert again.status_code == 409
    assert again.json()["existingId"] == first["id"]
    assert len((await owner.client.get("/api/personas/ada/files")).json()["files"]) == 1


async def test_names_are_kept_but_never_paths(owner: Person, clone: dict[str, Any]) -> None:
    names = {
        "../../etc/passwd.txt": "passwd.txt",
        "Бабушка 祖母.txt": "Бабушка 祖母.txt",
        'quote".txt': 'quote".txt',
    }
    for number, (given, kept) in enumerate(names.items()):
        answer = await sent(owner, name=given, content=TEXT + bytes([65 + number]))
        file = (await owner.client.get(f"/api/personas/ada/files/{answer.json()['id']}")).json()
        assert file["name"] == kept


async def test_more_than_the_limit_is_refused_by_header_and_by_bytes(
    studio: Services, owner: Person, clone: dict[str, Any]
) -> None:
    size = studio.settings.max_file_bytes + 1

    async def body() -> AsyncIterator[bytes]:
        yield (b'--b\r\nContent-Disposition: form-data; name="file"; filename="big.txt"\r\n\r\n')
        for _ in range(size // 2**20 + 1):
            yield b"x" * 2**20
        yield b"\r\n--b--\r\n"

    for length in ({"Content-Length": str(size + 10**6)}, {}):
        answer = await owner.client.post(
            "/api/personas/ada/files",
            content=body(),
            headers={"Content-Type": "multipart/form-data; boundary=b", **length},
        )
        assert answer.status_code == 413
        assert "50 MB" in answer.json()["detail"]
    incoming = studio.settings.data_dir / "files"
    assert [path for path in incoming.rglob("*") if path.is_file()] == []
    assert (await owner.client.get("/api/personas/ada/files")).json()["files"] == []


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("multipart/form-data", b"", 415),
        ("multipart/form-data; boundary=b", b"", 422),
        ("multipart/form-data; boundary=b", b"garbage", 422),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="other"\r\n\r\nx\r\n--b--\r\n',
            422,
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhalf',
            422,
        ),
        (f"multipart/form-data; boundary={'b' * 300}", b"x", 422),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\nX: " + b"y" * 100_000 + b"\r\n\r\nx\r\n--b--\r\n",
            422,
        ),
    ],
)
async def test_a_broken_form_stores_nothing(
    studio: Services,
    owner: Person,
    clone: dict[str, Any],
    content_type: str,
    body: bytes,
    status: int,
) -> None:
    answer = await owner.client.post(
        "/api/personas/ada/files", content=body, headers={"Content-Type": content_type}
    )
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    incoming = studio.settings.data_dir / "files"
    assert [path for path in incoming.rglob("*") if path.is_file()] == []


async def test_an_empty_file_fails_with_a_sentence(
    working: Services, owner: Person, clone: dict[str, Any]
) -> None:
    answer = await sent(owner, content=b"")
    assert answer.status_code == 201
    file = await settled(working, owner, clone["id"], answer.json()["id"])
    assert file["status"] == "failed"
    assert "empty" in file["error"]
    retried = await owner.client.post(f"/api/personas/ada/files/{file['id']}/retry")
    assert retried.status_code == 200


async def test_content_can_be_read_but_not_run(owner: Person, clone: dict[str, Any]) -> None:
    page = b"# Title\n\n<script>alert(1)</script> and more words"
    file = (await sent(owner, name="weird;\r\nX-Evil: 1.md", content=page)).json()
    answer = await owner.client.get(f"/api/personas/ada/files/{file['id']}/content")
    assert answer.content == page
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
    assert "x-evil" not in answer.headers
    assert answer.headers["content-security-policy"].startswith("sandbox")


async def test_a_file_is_reached_through_its_own_clone_only(
    owner: Person, stranger: Person, clone: dict[str, Any]
) -> None:
    file = (await sent(owner)).json()
    await owner.client.post("/api/personas", json={"name": "Bob"})
    await stranger.client.post("/api/personas", json={"name": "Ada"})
    tail = f"files/{file['id']}"
    for method, path in (
        ("GET", ""),
        ("GET", "/status"),
        ("GET", "/chunks"),
        ("GET", "/pages"),
        ("GET", "/content"),
        ("POST", "/retry"),
        ("POST", "/cancel"),
        ("DELETE", ""),
    ):
        for person, ref in ((owner, "bob"), (stranger, "ada"), (stranger, clone["id"])):
            answer = await person.client.request(method, f"/api/personas/{ref}/{tail}{path}")
            assert answer.status_code == 404, (method, path, ref)
    assert (await owner.client.get(f"/api/personas/ada/{tail}")).status_code == 200


async def test_a_deleted_file_is_gone_with_its_bytes(
    studio: Services, owner: Person, clone: dict[str, Any]
) -> None:
    file = (await sent(owner)).json()
    path = f"/api/personas/ada/files/{file['id']}"
    assert (await owner.client.delete(path)).json() == {"success": True}
    assert (await owner.client.get(path)).status_code == 404
    stored = studio.settings.data_dir / "files"
    assert [path for path in stored.rglob("*") if path.is_file()] == []


async def test_a_copied_clone_learns_the_same_documents(
    working: Services, owner: Person, clone: dict[str, Any]
) -> None:
    file = (await sent(owner)).json()
    await settled(working, owner, clone["id"], file["id"])
    twin = (await owner.client.post("/api/personas/ada/duplicate")).json()
    copied = (await owner.client.get(f"/api/personas/{twin['slug']}/files")).json()["files"][0]
    await settled(working, owner, twin["id"], copied["id"])
    deleted = (await owner.client.delete("/api/personas/ada")).json()
    assert (deleted["files"], deleted["chunks"]) == (1, 1)
    found = await owner.client.post(
        f"/api/personas/{twin['slug']}/search", json={"query": "Jacquard loom"}
    )
    assert [one["fileId"] for one in found.json()["results"]] == [copied["id"]]
    content = await owner.client.get(f"/api/personas/{twin['slug']}/files/{copied['id']}/content")
    assert content.content == TEXT
