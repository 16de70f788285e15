"""Encryption of what the studio keeps and must read again, such as the keys of services.

Fernet (AES-128-CBC with HMAC-SHA-256), by a key that HKDF derives from the studio's secret for
this purpose alone: access tokens are signed with the secret itself, and neither use weakens
the other.
"""

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from clone_studio.services.secret import studio_secret
from clone_studio.settings import Settings

PURPOSE = b"clone-studio: settings entered in the studio, 1"


class CannotOpen(ValueError):
    """What is stored was sealed with another secret, or is damaged."""


def seal(text: str, settings: Settings) -> str:
    """Return `text` encrypted with the studio's secret."""
    return _fernet(settings).encrypt(text.encode()).decode()


def unseal(token: str, settings: Settings) -> str:
    """Return what `seal` was given.

    Raises:
        CannotOpen: The secret is another one than when it was sealed, or the token is damaged.
    """
    try:
        return _fernet(settings).decrypt(token.encode()).decode()
    except (InvalidToken, ValueError):
        raise CannotOpen from None


def _fernet(settings: Settings) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE)
    return Fernet(urlsafe_b64encode(derived.derive(studio_secret(settings))))
