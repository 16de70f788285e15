"""The files for services, containers and proxies name what is really there, and hold no secret."""

import configparser
import importlib.util
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from clone_studio import PROJECT_ROOT, __version__
from clone_studio.api.app import api_app
from clone_studio.launch.options import COMMANDS
from clone_studio.settings import Settings

DEPLOY = PROJECT_ROOT / "docs" / "deploy"
NAMES = {str(field.alias) for field in Settings.model_fields.values()}
SECRET = {
    str(field.alias)
    for field in Settings.model_fields.values()
    if "SecretStr" in str(field.annotation)
}
OWN = ("studio", "worker")
UNITS = sorted(DEPLOY.glob("*.service"))


def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


def unit(name: str) -> dict[str, list[str]]:
    """Every value of the unit's service section; a name may be given several times."""
    found: dict[str, list[str]] = {}
    text = (DEPLOY / name).read_text(encoding="utf-8")
    # It has the form of an ini file, and says whether the sections are as they should be.
    parsed = configparser.RawConfigParser(strict=False)
    parsed.read_string(text)
    assert parsed.sections() == ["Unit", "Service", "Install"]
    for line in text.partition("[Service]")[2].partition("[Install]")[0].splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def variables() -> Iterator[tuple[str, str, str]]:
    """Every environment variable of the studio's own processes: where, name, value."""
    for service in OWN:
        for name, value in compose()["services"][service]["environment"].items():
            yield f"compose {service}", name, value
    for path in UNITS:
        for line in unit(path.name)["Environment"]:
            name, _, value = line.partition("=")
            yield path.name, name, value
    image = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    for name, value in re.findall(r"(?:^ENV|^   ) ([A-Z_]+)=(\S+)", image, re.M):
        yield "Dockerfile", name, value


def test_every_variable_is_a_setting_that_takes_the_value() -> None:
    found = list(variables())
    assert len(found) > 15
    for place, name, value in found:
        assert name in NAMES, f"{place}: {name}"
        if "${" not in value:
            given: dict[str, Any] = {name: value}
            if name == "STUDIO_WORKERS":
                given |= {"DATABASE_URL": "postgresql://x/y", "REDIS_URL": "redis://x"}
            Settings(_env_file=None, **given)


def test_no_secret_is_inside() -> None:
    for place, name, value in variables():
        if name in SECRET and "://" not in value:
            assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", value), f"{place}: {name}"
        # Between user and host of an address there is nothing but a variable.
        for password in re.findall(r"://[^/@]*?:(.+)@", value):
            assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", password), f"{place}: {name}"
    database = compose()["services"]["database"]["environment"]
    assert database["POSTGRES_PASSWORD"].startswith("${DATABASE_PASSWORD:?")


def test_images_are_pinned_by_version() -> None:
    images = [one["image"] for one in compose()["services"].values()]
    image = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    images += re.findall(r"^FROM (\S+)", image, re.M)
    assert len(images) == 5
    for one in images:
        assert re.search(r":\d+\.\d+\.\d+(-[a-z0-9]+)*$", one), one
    assert compose()["services"]["studio"]["image"] == f"clone-studio:{__version__}"


def test_what_is_started_exists() -> None:
    commands = [" ".join(compose()["services"]["worker"]["command"])]
    commands += [line for path in UNITS for line in unit(path.name)["ExecStart"]]
    image = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    commands += [" ".join(re.findall(r'"([^"]+)"', re.search(r"^CMD (.+)$", image, re.M)[1]))]
    commands += re.findall(r"^RUN (\./studio \S+)", image, re.M)
    assert len(commands) == 5
    for command in commands:
        if module := re.search(r"python -m (\S+)", command):
            assert importlib.util.find_spec(module[1]), command
        else:
            assert re.search(r"studio (\w+)", command)[1] in COMMANDS, command


def test_the_health_route_is_asked() -> None:
    asked = " ".join(compose()["services"]["studio"]["healthcheck"]["test"])
    route = re.search(r"127\.0\.0\.1:3000(/\S+?)'", asked)
    assert route
    assert route[1] in api_app().openapi()["paths"]


def test_all_processes_share_documents_database_and_key() -> None:
    services = compose()["services"]
    web, worker = (services[one] for one in OWN)
    assert web["volumes"] == worker["volumes"] == ["data:/data"]
    for name in ("DATABASE_URL", "REDIS_URL", "STUDIO_SECRET_KEY"):
        assert web["environment"][name] == worker["environment"][name]
    assert web["image"] == worker["image"]
    folders = [unit(path.name)["Environment"][0] for path in UNITS]
    assert folders == ["STUDIO_DATA_DIR=/var/lib/clone-studio"] * 2


def test_only_this_machine_reaches_the_container() -> None:
    services = compose()["services"]
    ports = [port for one in services.values() for port in one.get("ports", [])]
    assert ports == ["127.0.0.1:3000:3000"]


def test_what_is_private_stays_out_of_the_image() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").split()
    assert {".data", ".env", ".git"} <= set(ignored)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_runs_as_an_account_of_its_own(path) -> None:
    found = unit(path.name)
    assert found["User"] == ["studio"]
    assert found["UMask"] == ["0077"]
    assert found["StateDirectoryMode"] == ["0700"]


@pytest.mark.parametrize(
    ("name", "size", "needed"),
    [
        (
            "nginx.conf",
            r"client_max_body_size (\d+)m;",
            [
                "proxy_http_version 1.1;",
                "proxy_set_header Upgrade $http_upgrade;",
                'proxy_set_header Connection "upgrade";',
                "proxy_buffering off;",
                "proxy_request_buffering off;",
            ],
        ),
        ("Caddyfile", r"max_size (\d+)MB", ["flush_interval -1"]),
    ],
)
def test_a_proxy_passes_on_what_the_studio_needs(name: str, size: str, needed: list[str]) -> None:
    text = (DEPLOY / name).read_text(encoding="utf-8")
    for line in needed:
        assert line in text
    found = re.search(size, text)
    assert found
    assert int(found[1]) > Settings.model_fields["max_file_mb"].default
    assert f"127.0.0.1:{Settings.model_fields['port'].default}" in text
    assert text.count("{") == text.count("}")
