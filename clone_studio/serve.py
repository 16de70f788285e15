"""Serves the built page and the API from one process on one port.

Reflex would build the page again at every start. This is the only module that knows the two
internal variables of Reflex which prevent that: one skips the compilation, the other mounts the
page that is built already.
"""

import argparse
import ctypes
import os
import signal
import sys
import threading
import time
import webbrowser
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from clone_studio import PROJECT_ROOT
from clone_studio.settings import settings_or_exit

BUILD_DIR = PROJECT_ROOT / ".web" / "build" / "client"
ANNOUNCE = "STUDIO_ANNOUNCE"
STOP_SECONDS = 10
LOG_BYTES = 10_000_000

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def use_built_page() -> None:
    """Tell Reflex, for this process, to serve the page that is built and to compile nothing."""
    from reflex_base import constants
    from reflex_base.environment import environment

    environment.REFLEX_ENV_MODE.set(constants.Env.PROD)
    environment.REFLEX_SKIP_COMPILE.set(True)
    environment.REFLEX_MOUNT_FRONTEND_COMPILED_APP.set(True)


def application() -> Application:
    """Return the studio as one ASGI application; the server calls this in its worker process."""
    from reflex.utils.prerequisites import get_app

    _end_with_parent()
    use_built_page()
    _migrate()
    app = get_app().app()
    return _announced(with_cache_headers(app))


def _migrate() -> None:
    """Bring the database up to date, or end this process with one sentence that says why not.

    Within the lifespan, where it is asked for again, an error would end as a traceback.
    """
    from clone_studio.bootstrap import services
    from clone_studio.errors import StudioError
    from clone_studio.logs import set_up
    from clone_studio.upkeep import migrator

    studio = services()
    set_up(studio.settings.log_level, studio.stored.secrets)
    try:
        migrator(studio).run()
    except StudioError as error:
        # The log may go to a file, and this is for the person at the terminal.
        sys.stdout.write(f"studio: {error.detail}\n")
        sys.stdout.flush()
        raise SystemExit(1) from None


def with_cache_headers(app: Application) -> Application:
    """Let browsers keep built assets for good, and ask again for everything else.

    The name of a built asset holds a sum of its content, so it never means anything else later.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message["headers"])
                if not any(name.lower() == b"cache-control" for name, _ in headers):
                    headers.append((b"cache-control", _caching(scope, message["status"])))
                    message = {**message, "headers": headers}
            await send(message)

        await app(scope, receive, send_with_header if scope["type"] == "http" else send)

    return wrapped


def _caching(scope: Scope, status: int) -> bytes:
    asset = scope["path"].startswith("/assets/") and status in {200, 304}
    return b"public, max-age=31536000, immutable" if asset else b"no-cache"


def _announced(app: Application) -> Application:
    """Print the address and a sign-in link once the studio is ready, when this was asked for.

    Of several processes the first that is ready does it: whoever can remove the note.
    """
    how, _, note = os.environ.pop(ANNOUNCE, "").partition(":")

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_tell(message: Message) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete" and _removed(Path(note)):
                threading.Thread(target=_announce, args=(how,), daemon=True).start()

        await app(scope, receive, send_and_tell if scope["type"] == "lifespan" and how else send)

    return wrapped


def _removed(note: Path) -> bool:
    try:
        note.unlink()
    except OSError:
        return False
    return True


def _announce(how: str) -> None:
    from clone_studio.link import sign_in_link

    link = sign_in_link()
    sys.stdout.write(
        f"\nClone Studio is ready. Open this link to sign in (it works once):\n\n  {link}\n\n"
        "Another link: ./studio link     Stop: Ctrl+C\n"
    )
    sys.stdout.flush()
    # Without a screen Python would start a text browser in this terminal.
    screen = sys.platform == "darwin" or {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys()
    if how == "open" and screen:
        webbrowser.open(link)


def _end_with_parent() -> None:
    """End this worker when the server process is killed, so that nothing keeps the port."""
    parent = os.getppid()
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def serve(
    host: str, port: int, target: str = "clone_studio.serve:application", *, workers: int = 1
) -> None:
    """Serve an ASGI factory until a signal ends it.

    Args:
        host: Address to listen on.
        port: Port to listen on.
        target: The factory, as `module:name`.
        workers: How many processes share the port; one of several that ends is started again.
    """
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server import Server

    Server(
        target,
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=workers,
        respawn_failed_workers=workers > 1,
        log_level=LogLevels.warning,
        workers_kill_timeout=STOP_SECONDS,
    ).serve()


def main() -> None:
    """Serve the studio as the settings say, and say where it is."""
    parser = argparse.ArgumentParser(prog="python -m clone_studio.serve")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    options = parser.parse_args()
    settings = settings_or_exit()
    # What the studio keeps is for its own account alone, on a machine that others use too.
    os.umask(0o077)
    os.chdir(PROJECT_ROOT)
    if settings.workers > 1:
        _refuse_newer(settings.database_url)
    if not (BUILD_DIR / "index.html").is_file():
        place = BUILD_DIR.relative_to(PROJECT_ROOT)
        sys.exit(f"studio: there is no built page in {place}. Run ./studio up first.")
    os.environ[ANNOUNCE] = f"{'print' if options.no_browser else 'open'}:{_note(settings.data_dir)}"
    log = _log_to_file(settings.data_dir / "logs") if sys.stderr.isatty() else None
    try:
        serve(settings.host, settings.port, workers=settings.workers)
    except SystemExit as end:
        if end.code and log:
            sys.stdout.write(f"studio: The studio ended unexpectedly; why is at the end of {log}\n")
        raise


def _refuse_newer(database_url: str) -> None:
    """End with one sentence when a later version has changed the database.

    A worker says so, too; but of several, one that ends is started again, for ever.
    """
    from clone_studio.db import Database
    from clone_studio.errors import NewerDatabase
    from clone_studio.services.migrating import known_revision

    database = Database(database_url)
    try:
        known_revision(database)
    except NewerDatabase as error:
        sys.exit(f"studio: {error.detail}")
    finally:
        database.dispose()


def _note(data_dir: Path) -> Path:
    """Leave a note for the process that is to tell that the studio is ready."""
    data_dir.mkdir(parents=True, exist_ok=True)
    note = data_dir / f".announce-{os.getpid()}"
    note.touch()
    return note


def _log_to_file(folder: Path) -> Path:
    """Send the log to a file, so that a terminal shows the address and not every request.

    Where no terminal looks on, as under a service manager, the log stays on standard error.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "studio.log"
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as out:
        os.dup2(out.fileno(), sys.stderr.fileno())
    return log


if __name__ == "__main__":
    main()
