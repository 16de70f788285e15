"""The JSON shapes of the settings that can be entered in the studio."""

from typing import Literal

from pydantic import Field

from clone_studio.api.schema import Shape

Values = dict[str, str | None]


class StudioSetting(Shape):
    """A setting by the name of its environment variable.

    `shown` is the value in force, a secret masked; `choices` is empty where anything goes;
    `problem` says why what is stored is not used.
    """

    name: str
    is_secret: bool
    source: Literal["environment", "stored", "default"]
    shown: str
    choices: list[str]
    problem: str


class StudioSettings(Shape):
    """Every setting that can be entered in the studio."""

    settings: list[StudioSetting]


class SettingChanges(Shape):
    """Values by name; null or an empty text removes what is stored."""

    settings: Values = Field(max_length=50)


class ServiceTest(Shape):
    """A service to try, with values that need not be stored."""

    service: str = Field(max_length=40)
    settings: Values = Field(default_factory=dict, max_length=50)


class ServiceTested(Shape):
    """Whether the service answered, and what, in words."""

    works: bool
    detail: str
