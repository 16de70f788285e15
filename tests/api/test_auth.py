import httpx
import pytest

from clone_studio.bootstrap import Services
from clone_studio.services.auth import SESSION_COOKIE
from tests.api.conftest import ORIGIN, Person, client_of_api
from tests.conftest import OWNER_EMAIL, OWNER_PASSWORD

CREDENTIALS = {"email": OWNER_EMAIL, "password": OWNER_PASSWORD}


async def test_a_link_signs_in_and_opens_the_clones(
    studio: Services, nobody: httpx.AsyncClient
) -> None:
    token = studio.auth.make_link()
    answer = await nobody.get(f"/api/auth/link/{token}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/clones")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{SESSION_COOKIE}=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie
    me = (await nobody.get("/api/auth/me")).json()
    assert me["isOwner"] is True
    assert me["hasPassword"] is False


async def test_a_used_link_leads_calmly_to_sign_in(
    studio: Services, nobody: httpx.AsyncClient
) -> None:
    token = studio.auth.make_link()
    await nobody.get(f"/api/auth/link/{token}")
    async with client_of_api() as other:
        for bad in (token, "made-up"):
            answer = await other.get(f"/api/auth/link/{bad}")
            assert (answer.status_code, answer.headers["location"]) == (303, "/login?reason=link")
            assert "set-cookie" not in answer.headers


async def test_the_cookie_is_secure_on_https(studio: Services, nobody: httpx.AsyncClient) -> None:
    answer = await nobody.get(f"https://127.0.0.1/api/auth/link/{studio.auth.make_link()}")
    assert "Secure" in answer.headers["set-cookie"]


async def test_a_form_signs_in_and_goes_on_to_the_page(
    studio: Services, nobody: httpx.AsyncClient
) -> None:
    studio.auth.ensure_owner()
    answer = await nobody.post("/api/auth/sign-in", data=CREDENTIALS)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert (await nobody.get("/api/auth/me")).json()["email"] == OWNER_EMAIL


@pytest.mark.parametrize(
    "form", [{**CREDENTIALS, "password": "wrong"}, {}, {"email": "a" * 300, "password": "x"}]
)
async def test_a_form_that_fails_goes_back_with_a_reason(
    studio: Services, nobody: httpx.AsyncClient, form: dict[str, str]
) -> None:
    studio.auth.ensure_owner()
    answer = await nobody.post("/api/auth/sign-in", data=form)
    if not form:
        assert answer.status_code in {303, 422}
        return
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?reason=wrong")
    assert "set-cookie" not in answer.headers


async def test_json_signs_in_with_json(studio: Services, nobody: httpx.AsyncClient) -> None:
    studio.auth.ensure_owner()
    answer = await nobody.post("/api/auth/sign-in", json=CREDENTIALS)
    assert answer.status_code == 200
    assert answer.json()["email"] == OWNER_EMAIL
    wrong = await nobody.post("/api/auth/sign-in", json={**CREDENTIALS, "password": "x"})
    assert wrong.status_code == 401
    assert wrong.headers["content-type"] == "application/problem+json"
    assert wrong.json()["code"] == "wrong_password"


async def test_too_many_attempts_are_told_when_to_come_back(
    studio: Services, nobody: httpx.AsyncClient
) -> None:
    studio.auth.ensure_owner()
    wrong = {**CREDENTIALS, "password": "wrong"}
    for _ in range(5):
        assert (await nobody.post("/api/auth/token", json=wrong)).status_code == 401
    refused = await nobody.post("/api/auth/token", json=CREDENTIALS)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert refused.json()["retryable"] is True
    form = await nobody.post("/api/auth/sign-in", data=CREDENTIALS)
    assert form.headers["location"] == "/login?reason=limited"


async def test_a_bearer_token_opens_the_api(studio: Services, nobody: httpx.AsyncClient) -> None:
    studio.auth.ensure_owner()
    token = (await nobody.post("/api/auth/token", json=CREDENTIALS)).json()
    assert set(token) == {"accessToken", "tokenType", "expiresIn"}
    assert token["tokenType"] == "bearer"
    assert token["expiresIn"] == 24 * 3600
    headers = {"Authorization": f"Bearer {token['accessToken']}", "Origin": "https://elsewhere"}
    assert (await nobody.get("/api/auth/me", headers=headers)).json()["email"] == OWNER_EMAIL
    everywhere = await nobody.post("/api/auth/sign-out-everywhere", headers=headers)
    assert everywhere.json() == {"success": True}
    assert (await nobody.get("/api/auth/me", headers=headers)).status_code == 401


async def test_signing_out_ends_the_session_and_takes_the_cookie(owner: Person) -> None:
    answer = await owner.client.post("/api/auth/sign-out")
    assert answer.json() == {"success": True}
    assert f'{SESSION_COOKIE}=""' in answer.headers["set-cookie"]
    async with client_of_api() as replayed:
        replayed.cookies.set(SESSION_COOKIE, owner.cookie)
        assert (await replayed.get("/api/auth/me")).status_code == 401


async def test_a_form_that_signs_out_lands_on_the_sign_in_page(owner: Person) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await owner.client.post("/api/auth/sign-out-everywhere", headers=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?reason=everywhere")


async def test_a_new_password_keeps_this_session_and_ends_others(
    studio: Services, owner: Person
) -> None:
    other = studio.auth.sign_in(OWNER_EMAIL, OWNER_PASSWORD, "test")
    body = {"current": OWNER_PASSWORD, "new": "a new password"}
    assert (await owner.client.put("/api/auth/password", json=body)).status_code == 200
    assert (await owner.client.get("/api/auth/me")).status_code == 200
    assert studio.auth.session_for(other.token) is None
    wrong = await owner.client.put("/api/auth/password", json=body)
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["field"] == "current"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:3001"},
        {"Origin": "", "Referer": "https://evil.example/x"},
        {"Origin": ""},
    ],
)
async def test_a_cookie_from_elsewhere_changes_nothing(
    owner: Person, headers: dict[str, str]
) -> None:
    for method, path in (
        ("POST", "/api/personas"),
        ("POST", "/api/auth/sign-in"),
        ("POST", "/api/auth/sign-out"),
        ("PUT", "/api/auth/password"),
    ):
        answer = await owner.client.request(method, path, json={"name": "x"}, headers=headers)
        assert answer.status_code == 401, path
    assert (await owner.client.get("/api/auth/me", headers=headers)).status_code == 200


async def test_a_referer_stands_in_for_a_missing_origin(owner: Person) -> None:
    del owner.client.headers["Origin"]
    headers = {"Referer": f"{ORIGIN}/clones"}
    assert (await owner.client.post("/api/auth/sign-out", headers=headers)).status_code == 200


async def test_without_a_session_nothing_is_told(nobody: httpx.AsyncClient) -> None:
    for path in ("/api/auth/me", "/api/personas", "/api/personas/x", "/api/personas/x/files"):
        answer = await nobody.get(path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["title"] == "Please sign in"
