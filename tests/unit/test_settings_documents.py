"""Every setting stands in `.env.example` with its default and has a heading in the docs."""

import re

from clone_studio import PROJECT_ROOT
from clone_studio.settings import Settings

ALIASES = {field.alias: field.default for field in Settings.model_fields.values() if field.alias}


def _example() -> dict[str, str]:
    text = (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8")
    return dict(re.findall(r"^#?([A-Z_]+)=(.*)$", text, re.MULTILINE))


def test_the_example_names_every_setting_and_no_other() -> None:
    assert _example().keys() == ALIASES.keys()


def test_the_example_shows_the_defaults() -> None:
    shown = Settings(_env_file=None, **{k: v for k, v in _example().items() if v})  # type: ignore[arg-type]
    for field in Settings.model_fields.values():
        value = _example()[str(field.alias)]
        if value and field.alias != "STUDIO_DATA_DIR":
            assert shown.model_dump(by_alias=True)[field.alias] == field.default, field.alias


def test_every_setting_has_a_heading_in_the_documentation() -> None:
    text = (PROJECT_ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    headings = " ".join(re.findall(r"^#+ (.*)$", text, re.MULTILINE))
    missing = [alias for alias in ALIASES if alias not in headings]
    assert not missing
