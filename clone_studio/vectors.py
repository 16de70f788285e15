"""Says where vectors are, and moves them: `python -m clone_studio.vectors status|move`."""

import argparse
import sys
from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from clone_studio.bootstrap import Services, services
from clone_studio.errors import StudioError
from clone_studio.services.moving import Standing
from clone_studio.settings import settings_or_exit


def status(studio: Services) -> None:
    """Print where the vectors of each clone are, and whether Pinecone answers."""
    now = studio.stored.in_force()
    _say(f"New vectors go to {'Pinecone' if now.uses_pinecone else 'the database'}.")
    if now.uses_pinecone or studio.remote_vectors.is_set:
        try:
            _say(studio.remote_vectors.check(studio.embedder.dimension))
        except StudioError as error:
            _say(error.detail)
    _say(f"{'clone':<32}{'passages in the database':>26}{'at Pinecone':>14}")
    for one in studio.mover.standings():
        _say(f"{one.slug[:31]:<32}{one.in_database:>26,}{one.elsewhere:>14,}")


def move(studio: Services, to: str, clones: Sequence[Standing]) -> None:
    """Move the vectors of some clones, one after the other.

    Raises:
        StudioError: A move did not end; what it had not moved is where it was.
    """
    place = "Pinecone" if to == "pinecone" else "the database"
    for one in clones:
        done = studio.mover.move(one.persona_id, "pinecone" if to == "pinecone" else "database")
        _say(f"{one.slug}: {done.passages:,} passages moved to {place}.")
        if done.unfit:
            _say(
                f"  {done.unfit:,} passages also have vectors of another embedding model, which do "
                "not fit the index. Those stay in the database."
            )
        if done.missing:
            _say(
                f"  {done.missing:,} more were not where they were noted. They are embedded again "
                "when the studio starts next."
            )
    goes_to_pinecone = studio.stored.in_force().uses_pinecone
    if goes_to_pinecone != (to == "pinecone"):
        _say(f"New files still go elsewhere: set STUDIO_VECTORS={to} to keep theirs there, too.")


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; returns the exit status."""
    parser = argparse.ArgumentParser(prog="studio vectors", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("status", help="say where the vectors of each clone are")
    moving = actions.add_parser("move", help="move vectors without embedding anything again")
    moving.add_argument("--to", choices=("pinecone", "database"), required=True)
    moving.add_argument("--clone", help="slug or id of one clone; all clones where it is left out")
    options = parser.parse_args(arguments)
    try:
        studio = services()
        if options.action == "status":
            status(studio)
        else:
            move(studio, options.to, studio.mover.chosen(options.clone))
    except StudioError as error:
        sys.stderr.write(f"studio: {error.detail}\n")
        return 1
    except SQLAlchemyError:
        # Its words may hold an address with a password in it.
        sys.stderr.write(
            "studio: The database cannot be read, or is not of this version. Start the studio "
            "once with ./studio up, which makes it or brings it up to date.\n"
        )
        return 1
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    settings_or_exit()
    sys.exit(main(sys.argv[1:]))
