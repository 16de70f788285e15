"""A setting that cannot be used is one line that names it and does not repeat its value."""

import os
import subprocess
import sys

import pytest

from clone_studio import PROJECT_ROOT
from clone_studio.settings import Settings

READ = "from clone_studio.settings import settings_or_exit; print(settings_or_exit().port)"


def _read(**environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", READ],
        cwd=PROJECT_ROOT,
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STUDIO_PORT", "no-port"),
        ("STUDIO_WORKERS", "7"),
        ("STUDIO_LLM", "telepathy"),
        ("STUDIO_SECRET_KEY", "far-too-short"),
        ("OPENAI_API_KEY", "sk-two words"),
        ("OPENAI_BASE_URL", "localhost:port"),
        ("DATABASE_URL", "postgres://me:hidden@host/name?sslmode=never"),
        ("REDIS_URL", "localhost:6379"),
        ("REDIS_URL", "http://:hunter2@localhost:6379"),
        ("REDIS_URL", "redis://:hunter2@localhost:port"),
        ("REDIS_URL", "redis:///0"),
        ("REDIS_URL", "unix://?db=1"),
    ],
)
def test_it_is_named_in_one_line(name: str, value: str) -> None:
    answer = _read(**{name: value})
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"studio: {name}: ")
    assert answer.stderr.count("\n") == 1
    assert value not in answer.stderr


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://127.0.0.1", "127.0.0.1:6379"),
        ("redis://:hunter2@cache.example.org:7000/3", "cache.example.org:7000"),
        ("rediss://user:hunter2@cache.example.org/0?ssl_cert_reqs=none", "cache.example.org:6379"),
        ("unix:///run/redis.sock?db=1&password=hunter2", "a socket of this machine"),
        ("", ""),
    ],
)
def test_the_place_of_redis_is_shown_without_its_password(url: str, place: str) -> None:
    settings = Settings(_env_file=None, redis_url=url)
    assert settings.redis_place == place
    assert "hunter2" not in repr(settings)


def test_good_settings_are_returned() -> None:
    assert _read(STUDIO_PORT="4321").stdout == "4321\n"
