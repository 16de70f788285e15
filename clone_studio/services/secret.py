"""The studio's own secret: what its access tokens are signed with."""

import os
import secrets
from pathlib import Path

from clone_studio.settings import Settings

SECRET_FILE = "secret.key"  # noqa: S105 the name of the file, not what is in it


def studio_secret(settings: Settings) -> bytes:
    """Return the secret of this studio: the setting, else a file made at the first start.

    The file lies in the data folder, readable by its owner alone.
    """
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    path = settings.data_dir / SECRET_FILE
    try:
        return path.read_bytes().strip()
    except FileNotFoundError:
        pass
    try:
        return _made(path)
    except FileExistsError:
        return path.read_bytes().strip()


def _made(path: Path) -> bytes:
    secret = secrets.token_hex(32).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written beside and linked into place, which fails when another process was first: nobody
    # ever reads a half-written secret.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret)
        os.link(draft, path)
    finally:
        draft.unlink()
    return secret
