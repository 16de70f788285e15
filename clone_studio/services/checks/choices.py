"""Settings that are valid each by itself and do not fit together."""

from urllib.parse import urlsplit

from pydantic import ValidationError

from clone_studio.services.checks.finding import Finding
from clone_studio.settings import Settings

LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
NAME = "settings"


def refused(error: ValidationError) -> list[Finding]:
    """Return a fault for each setting that cannot be used, without its value: it may be secret."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        Finding(
            NAME,
            "fault",
            f"{'.'.join(map(str, one['loc']))}: {one['msg'].removeprefix('Value error, ')}.",
            "docs/settings.md says what it takes.",
        )
        for one in faults
    ]


def contradictions(settings: Settings) -> list[Finding]:
    """Return what does not fit together; one finding that all is well where everything does."""
    index = settings.pinecone_index or settings.pinecone_host
    has_server = bool(settings.openai_api_key or settings.openai_base_url)
    needs = (
        (
            settings.llm == "openai" and not has_server,
            "STUDIO_LLM asks for a model server, and there is neither a key nor an address.",
            "Set OPENAI_API_KEY or OPENAI_BASE_URL, or STUDIO_LLM=auto.",
        ),
        (
            settings.embeddings == "openai" and not has_server,
            "STUDIO_EMBEDDINGS asks for a model server, and there is neither a key nor an address.",
            "Set OPENAI_API_KEY or OPENAI_BASE_URL, or STUDIO_EMBEDDINGS=auto.",
        ),
        (
            settings.speech == "elevenlabs" and settings.elevenlabs_api_key is None,
            "STUDIO_SPEECH asks for ElevenLabs, and there is no key.",
            "Set ELEVENLABS_API_KEY, or STUDIO_SPEECH=auto.",
        ),
        (
            settings.uses_pinecone and not (settings.pinecone_api_key and index),
            "Vectors are to be kept at Pinecone, and its key or its index is not named.",
            "Set PINECONE_API_KEY and PINECONE_INDEX, or STUDIO_VECTORS=database.",
        ),
        (
            settings.owner_password is not None and not settings.owner_email,
            "STUDIO_OWNER_PASSWORD is set without STUDIO_OWNER_EMAIL, so no account is made of it.",
            "Set both, or neither.",
        ),
    )
    found = [Finding(NAME, "warning", detail, fix) for is_so, detail, fix in needs if is_so]
    return found or [Finding(NAME, "ok", "Every setting is valid, and they fit together.")]


def public_address(settings: Settings) -> Finding:
    """Say whether browsers elsewhere can use everything under the studio's address."""
    name = "public address"
    if not settings.public_url:
        if settings.host in LOCAL:
            return Finding(name, "ok", "Only this machine reaches the studio.")
        return Finding(
            name,
            "warning",
            "Other machines reach the studio, and STUDIO_PUBLIC_URL does not say under which "
            "address: pages opened there are refused their live connection.",
            "Set STUDIO_PUBLIC_URL to the address that people type.",
        )
    parts = urlsplit(settings.public_url)
    if parts.scheme != "https" and parts.hostname not in LOCAL:
        return Finding(
            name,
            "warning",
            "STUDIO_PUBLIC_URL is not HTTPS: passwords travel in clear, and browsers refuse the "
            "microphone.",
            "Put a proxy that ends HTTPS before the studio: docs/reverse-proxy.md.",
        )
    return Finding(name, "ok", f"People open {parts.scheme}://{parts.hostname}.")
