"""Passwords: argon2id with the parameters of RFC 9106's second choice (64 MiB of memory)."""

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from clone_studio.errors import InvalidInput

SHORTEST = 8
# An upper bound, because hashing reads all of it.
LONGEST = 200
# Each hash takes 64 MiB: a burst of sign-ins must not take the memory of the machine.
AT_ONCE = 2


class Passwords:
    """Hashes and verifies passwords, few at a time. Blocking: call it from threads.

    Args:
        hasher: With other costs than the default.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._nobody: str | None = None

    def hash(self, password: str) -> str:
        """Return the hash to store.

        Raises:
            InvalidInput: Too short or too long.
        """
        if not SHORTEST <= len(password) <= LONGEST:
            raise InvalidInput(
                f"A password needs {SHORTEST} to {LONGEST} characters.", field="password"
            )
        return self._hashed(password)

    def fits(self, password: str, stored: str | None) -> bool:
        """Tell whether `password` is the one that was stored.

        Without a stored hash the same work is done against a hash that no password has, so
        that the time tells nobody which accounts exist.
        """
        candidate = password if len(password) <= LONGEST else ""
        expected = stored or self._hash_of_nobody()
        with self._turns:
            try:
                self._hasher.verify(expected, candidate)
            except (VerificationError, InvalidHashError):
                return False
        return stored is not None and len(password) <= LONGEST

    def _hash_of_nobody(self) -> str:
        if self._nobody is None:
            self._nobody = self._hashed("nobody has this password")
        return self._nobody

    def _hashed(self, password: str) -> str:
        with self._turns:
            return self._hasher.hash(password)
