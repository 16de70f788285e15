"""What embedders are made of: the settings in force, and what was written down of earlier ones."""

import hmac
import threading
from collections.abc import Callable, Hashable
from hashlib import sha256
from urllib.parse import urlsplit

from clone_studio.errors import Conflict, ProviderRefused
from clone_studio.providers.embeddings.protocol import Embedder
from clone_studio.services.knowledge.embedders import EmbedderRef, Origin
from clone_studio.services.secret import studio_secret
from clone_studio.services.stored_settings import StoredSettings
from clone_studio.services.switching import SwitchedEmbedder
from clone_studio.settings import OPENAI_PLACE, UNREADABLE, Settings

PURPOSE = b"clone-studio: is it the same key, 1"


class SettingsSource:
    """Makes embedders of the settings in force.

    A key goes to no other server than the one it was entered for: an embedder that was chosen
    before gets the key in force when that is the same key as then, or is the key of the same
    server.

    Args:
        stored: The settings.
        embedder: The one in use; exchanged where it is a switch.
        make: Makes an embedder of settings.
        inputs: What of the settings it depends on.
    """

    def __init__(
        self,
        stored: StoredSettings,
        *,
        embedder: Embedder,
        make: Callable[[Settings], Embedder],
        inputs: Callable[[Settings], Hashable],
    ) -> None:
        self._stored = stored
        self._embedder = embedder
        self._make = make
        self._inputs = inputs
        self._lock = threading.Lock()

    @property
    def revision(self) -> int:
        """Another number after each change of the settings."""
        return self._stored.revision

    def origin(self) -> Origin:
        """Return what the embedder of the settings in force was made with."""
        now = self._stored.in_force()
        if not now.uses_openai_embeddings:
            return Origin("local")
        return Origin("openai", _plain(now.openai_base_url), self._mark(now))

    def spare(self, ref: EmbedderRef) -> Embedder:
        """Make an embedder that was chosen before.

        Raises:
            ProviderError: The local model is not there, or the key that it had is not.
        """
        made = self._make(self._settings_of(ref))
        if ref.origin.kind == "local":
            made.check()
        return made

    def follow(self) -> None:
        """Have the embedder in use be that of the settings, whichever process changed them."""
        with self._lock:
            before = self._inputs(self._stored.in_force())
            self._stored.refresh()
            now = self._stored.in_force()
            if isinstance(self._embedder, SwitchedEmbedder) and before != self._inputs(now):
                self._embedder.exchange(self._make(now))

    def back_to(self, ref: EmbedderRef) -> dict[str, str | None]:
        """Return the settings to change so that `ref` is chosen again.

        Raises:
            Conflict: It was at another address than the one in force.
            ProviderError: It cannot be used any more.
        """
        self.spare(ref).close()
        if ref.origin.kind == "local":
            return {"STUDIO_EMBEDDINGS": "local"}
        # Another address is another language model, too: that is for the owner to decide.
        if ref.origin.address != _plain(self._stored.in_force().openai_base_url):
            raise Conflict(
                f"{ref.model} was at {_place(ref.origin.address)}. To go back, enter that address "
                "again under Keys and services."
            )
        return {"STUDIO_EMBEDDINGS": "openai", "STUDIO_EMBEDDING_MODEL": ref.model}

    def _settings_of(self, ref: EmbedderRef) -> Settings:
        now = self._stored.in_force()
        if ref.origin.kind == "local":
            return now.model_copy(update={"embeddings": "local"})
        given, key = now.openai_base_url, now.openai_api_key
        is_same_server = ref.origin.address == _plain(given)
        if not ref.origin.key_mark:
            key = key if is_same_server else None
        elif not (mark := self._mark(now)) or not (
            is_same_server or hmac.compare_digest(ref.origin.key_mark, mark)
        ):
            raise ProviderRefused(
                f"{ref.model} at {_place(ref.origin.address)} needs the key that was used before."
            )
        return now.model_copy(
            update={
                "embeddings": "openai",
                "embedding_model": ref.model,
                "openai_api_key": key,
                # What was written down lacks a password that the address in force may have.
                "openai_base_url": given if is_same_server else ref.origin.address or None,
            }
        )

    def _mark(self, settings: Settings) -> str:
        """Return what tells a key from others and does not give it away, empty for no key."""
        key = settings.openai_api_key
        if key is None or key == UNREADABLE:
            return ""
        secret = hmac.digest(studio_secret(self._stored.given), PURPOSE, sha256)
        return hmac.digest(secret, key.get_secret_value().encode(), sha256).hex()


def _plain(address: str | None) -> str:
    """Return an address without user name and password, as it may be written down."""
    if not address:
        return ""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _place(address: str) -> str:
    return urlsplit(address).netloc or OPENAI_PLACE
