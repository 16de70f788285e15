"""Makes a one-time sign-in link: `python -m clone_studio.link`."""

import sys

from clone_studio.bootstrap import services
from clone_studio.settings import settings_or_exit


def sign_in_link() -> str:
    """Return the full address of a new link; it signs its first user in, once."""
    studio = services()
    token = studio.auth.make_link()
    return f"{studio.settings.base_url}/api/auth/link/{token}"


if __name__ == "__main__":
    settings_or_exit()
    sys.stdout.write(f"{sign_in_link()}\n")
