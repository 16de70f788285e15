"""Makes and restores backups: `python -m clone_studio.backup make|restore`."""

import argparse
import os
import sys
from pathlib import Path

from clone_studio.bootstrap import Services, services
from clone_studio.errors import StudioError
from clone_studio.services.backup.making import Made
from clone_studio.services.backup.manifest import Contents, Secrets
from clone_studio.services.backup.restoring import Restored
from clone_studio.settings import MEBIBYTE, settings_or_exit
from clone_studio.upkeep import backups, restorer

_SECRETS: dict[Secrets, str] = {
    "with key": (
        "It holds the secret key, so whoever has it can read the keys of services that were "
        "entered in Settings: keep it where only you can read it."
    ),
    "without key": (
        "It does not hold the secret key: keep STUDIO_SECRET_KEY beside it, or enter the keys of "
        "services again after a restore."
    ),
    "left out": "Keys of services that were entered in Settings are not in it.",
}


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line asks; a failure is one line and exit status 1."""
    options = _parser().parse_args(arguments)
    settings_or_exit()
    studio = services()
    try:
        text = _make(studio, options) if options.act == "make" else _restore(studio, options)
    except StudioError as error:
        sys.exit(f"studio: {error.detail}")
    finally:
        studio.database.dispose()
    sys.stdout.write(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="studio", description="Back up and restore a studio.")
    acts = parser.add_subparsers(dest="act", required=True)
    make = acts.add_parser("make", prog="studio backup")
    make.add_argument("file", nargs="?", type=Path, help="the new backup (in the data folder)")
    make.add_argument(
        "--without-secrets",
        action="store_true",
        help="leave out the secret key and the keys of services it opens",
    )
    restore = acts.add_parser("restore", prog="studio restore")
    restore.add_argument("file", type=Path, help="a backup")
    restore.add_argument(
        "--replace", action="store_true", help="replace what is there; it is backed up first"
    )
    return parser


def _make(studio: Services, options: argparse.Namespace) -> str:
    target = options.file or backups(studio).place()
    return _told(
        backups(studio).make(target.absolute(), Contents(secrets=not options.without_secrets))
    )


def _told(made: Made) -> str:
    size = f"{made.size / MEBIBYTE:,.1f} MB"
    lines = [
        *(f"  {clone.line}" for clone in made.clones),
        f"  {made.path} ({size}, {made.documents} documents)",
        f"  {_SECRETS[made.secrets]}",
        *(f"  Warning: {problem}" for problem in made.problems),
    ]
    return "\n".join(lines) + "\n"


def _restore(studio: Services, options: argparse.Namespace) -> str:
    done = restorer(studio).restore(options.file.absolute(), replace=options.replace)
    return _told_restored(done)


def _told_restored(done: Restored) -> str:
    same = "as in the backup" if done.compared else "not compared: the backup is of another schema"
    lines = [f"  {clone.line}  {same}" for clone in done.clones]
    lines.append(f"  {done.documents} documents restored.")
    if done.missing:
        lines.append(f"  {done.missing} documents were missing when the backup was made.")
    if not done.key_is_in_use:
        lines.append(
            "  The backup's secret key is not in use here: keys of services may have to be entered "
            "again, in Settings."
        )
    if done.saved:
        lines.append(f"  What was there before is in {done.saved}")
    lines.append("  Everybody signs in again: ./studio up, then ./studio link")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    # What is written is for this account alone, on a machine that others use too.
    os.umask(0o077)
    main()
