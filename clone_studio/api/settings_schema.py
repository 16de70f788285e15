"""The JSON shapes of the settings that can be entered in the studio."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from clone_studio.api.schema import Shape
from clone_studio.services.rebuilding import Cost, RebuildStatus

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


class RebuiltClone(Shape):
    """A clone that is searched by `old` until `done` of its `total` passages are all of them.

    Clones of other people are one entry without an id. `error` says why the building stands
    still, `problem` why `old` cannot answer until then.
    """

    persona_id: str
    name: str
    old: str
    new: str
    done: int
    total: int
    started_at: datetime
    error: str
    problem: str


class EmbeddingState(Shape):
    """The chosen embedding model, what is built, and roughly what another model would cost.

    `localSeconds` is for the model on this machine, `tokens` for one at a service.
    """

    model: str
    passages: int
    local_seconds: int
    tokens: int
    back_to: str
    done: int
    total: int
    clones: list[RebuiltClone]

    @classmethod
    def of(cls, model: str, status: RebuildStatus, cost: Cost) -> "EmbeddingState":
        """Return the shape of a status and a cost."""
        return cls(
            model=model,
            passages=cost.passages,
            local_seconds=cost.local_seconds,
            tokens=cost.tokens,
            back_to=status.back_to,
            done=status.done,
            total=status.total,
            clones=[RebuiltClone.model_validate(one) for one in status.clones],
        )
