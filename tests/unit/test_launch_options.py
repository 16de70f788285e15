"""The launcher reads its few settings where the studio reads them."""

from pathlib import Path

import pytest

from clone_studio.launch import options
from clone_studio.launch.console import Failure
from clone_studio.launch.options import PROJECT, parse
from clone_studio.settings import Settings


def test_defaults_are_those_of_the_settings() -> None:
    found = parse(["up"], {})
    defaults = Settings.model_fields
    assert found.host == defaults["host"].default
    assert found.port == defaults["port"].default
    assert found.data_dir == defaults["data_dir"].default
    assert found.models_dir == found.data_dir / "models"
    assert found.open_browser


def test_the_command_line_goes_before_the_environment(tmp_path: Path) -> None:
    environ = {"STUDIO_PORT": "4000", "STUDIO_HOST": "0.0.0.0", "STUDIO_DATA_DIR": "/elsewhere"}
    given = ["up", "--port", "4001", "--data-dir", str(tmp_path / "my data"), "--no-browser"]
    found = parse(given, environ)
    assert (found.host, found.port) == ("0.0.0.0", 4001)
    assert found.data_dir == tmp_path / "my data"
    assert not found.open_browser


def test_what_is_handed_on_is_what_the_studio_reads(tmp_path: Path) -> None:
    found = parse(["up", "--port", "4001", "--data-dir", str(tmp_path / "my data")], {})
    settings = Settings(_env_file=None, **found.settings)  # type: ignore[arg-type]
    assert settings.port == 4001
    assert settings.data_dir == tmp_path / "my data"
    assert settings.local_models_dir == tmp_path / "my data" / "models"


def test_a_relative_folder_lies_in_the_project() -> None:
    assert parse(["up", "--data-dir", "kept"], {}).data_dir == PROJECT / "kept"


def test_an_empty_variable_counts_as_not_given() -> None:
    assert parse(["up"], {"STUDIO_PORT": ""}).port == 3000


@pytest.mark.parametrize(
    ("environ", "speaks"),
    [
        ({}, True),
        ({"ELEVENLABS_API_KEY": "sk"}, False),
        ({"ELEVENLABS_API_KEY": "sk", "STUDIO_SPEECH": "local"}, True),
        ({"STUDIO_SPEECH": "elevenlabs"}, False),
        ({"STUDIO_SPEECH": "off"}, False),
    ],
)
def test_the_speech_model_is_fetched_where_it_will_speak(
    environ: dict[str, str], speaks: bool
) -> None:
    assert parse(["up"], environ).speaks_locally == speaks


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "3000.5"])
def test_a_port_must_be_one(port: str) -> None:
    with pytest.raises(Failure, match="1 to 65535"):
        parse(["up"], {"STUDIO_PORT": port})


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("STUDIO_HOST=10.0.0.1", "10.0.0.1"),
        ("export STUDIO_HOST = 'a b # c'", "a b # c"),
        ('STUDIO_HOST="quoted" # why', "quoted"),
        ("STUDIO_HOST=plain # why", "plain"),
        ("#STUDIO_HOST=off", None),
        ("STUDIO_HOST=", None),
        ("no setting at all", None),
    ],
)
def test_the_file_is_read_as_the_settings_read_it(
    tmp_path: Path, line: str, value: str | None
) -> None:
    path = tmp_path / ".env"
    path.write_text(line + "\n", encoding="utf-8")
    assert options.dotenv(path).get("STUDIO_HOST") == value
    assert Settings(_env_file=path).host == (value or "127.0.0.1")


def test_a_tool_gets_the_arguments_it_knows() -> None:
    assert parse(["test", "tests/unit", "-k", "name"], {}).rest == ("tests/unit", "-k", "name")
    with pytest.raises(SystemExit):
        parse(["up", "--colour"], {})


def test_the_words_after_vectors_are_handed_on() -> None:
    assert parse(["vectors", "move", "--to", "pinecone"], {}).rest == ("move", "--to", "pinecone")
