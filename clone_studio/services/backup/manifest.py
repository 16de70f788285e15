"""What a backup says about itself: `manifest.json`, checked before anything else is believed."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clone_studio.errors import BackupError
from clone_studio.services.fingerprints import Fingerprint

FORMAT = 1
# How keys of services are in it: with the studio's secret key that opens them; without it,
# because the environment sets it or it did not move; or neither keys nor secret key.
Secrets = Literal["with key", "without key", "left out"]


@dataclass(frozen=True)
class Contents:
    """What goes into a backup beside the rows.

    `secrets` leaves the secret key and what it seals out when false. An automatic backup before
    an upgrade leaves out `documents` and the `key` file, which no migration touches.
    """

    documents: bool = True
    secrets: bool = True
    key: bool = True


class _Strict(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Member(_Strict):
    """Size in bytes and SHA-256 of one member."""

    size: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class TableRows(_Strict):
    """Which columns the rows of a table have, and how many rows there are."""

    columns: tuple[str, ...]
    rows: int = Field(ge=0)


class Clone(_Strict):
    """The fingerprint of one clone."""

    id: str
    name: str
    sha256: str


class Manifest(_Strict):
    """Everything a restore has to know before it begins.

    `missing` counts documents that had a row but were not on the disk. `clones` is empty, and
    `definition` 0, where the schema was too old for fingerprints.
    """

    format: int
    program: str = Field(max_length=40)
    revision: str = Field(max_length=32)
    created: str = Field(max_length=40)
    engine: str = Field(max_length=20)
    secrets: Secrets
    has_documents: bool
    missing: int = Field(ge=0)
    definition: int
    clones: tuple[Clone, ...]
    tables: dict[str, TableRows]
    members: dict[str, Member]

    @property
    def fingerprints(self) -> tuple[Fingerprint, ...]:
        """The sums of the clones as they were."""
        return tuple(Fingerprint(one.id, one.name, one.sha256) for one in self.clones)

    def written(self) -> bytes:
        """Return the manifest as JSON."""
        return json.dumps(self.model_dump(), ensure_ascii=False, indent=1).encode()


def clones_of(fingerprints: tuple[Fingerprint, ...]) -> tuple[Clone, ...]:
    """Return fingerprints as the manifest keeps them."""
    return tuple(Clone(id=one.persona_id, name=one.name, sha256=one.sha256) for one in fingerprints)


def parse(text: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        BackupError: It is none, or one of a later format.
    """
    try:
        found: Any = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError("no object")
        number = found.get("format")
        if isinstance(number, int) and number > FORMAT:
            raise BackupError(
                "The backup was made by a later version of Clone Studio. Restore it with that "
                "version, or a newer one."
            )
        return Manifest.model_validate(found)
    except (ValueError, RecursionError, ValidationError):
        raise BackupError(
            "This is not a backup of Clone Studio, or its description is damaged."
        ) from None
