"""Looks at everything and says what mends it: `python -m clone_studio.doctor`."""

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from clone_studio.launch.environment import LOCK
from clone_studio.launch.frontend import BUILD, STAMP, source_sum
from clone_studio.launch.options import PROJECT
from clone_studio.services.checks import installation
from clone_studio.services.checks.finding import Finding, Level, worst

if TYPE_CHECKING:
    from clone_studio.bootstrap import Services
    from clone_studio.services.health import Part, Status
    from clone_studio.settings import Settings

LEVELS: "dict[Status, Level]" = {"ok": "ok", "degraded": "warning", "down": "fault"}


def main(arguments: list[str] | None = None) -> int:
    """Print what was found, one line each, and return 1 where there is a fault."""
    parser = argparse.ArgumentParser(prog="studio doctor", description="Look at everything.")
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    options = parser.parse_args(arguments)
    findings = examine()
    if options.json:
        report = {"status": worst(findings), "findings": [asdict(one) for one in findings]}
        sys.stdout.write(json.dumps(report, ensure_ascii=False, indent=1) + "\n")
    else:
        for one in findings:
            line = f"  {one.level:<8} {one.name:<16} {one.detail} {one.fix}".rstrip()
            sys.stdout.write(" ".join(line.splitlines()) + "\n")
    return int(worst(findings) == "fault")


def examine() -> list[Finding]:
    """Return what every check found; what rests on a thing that is broken is left out."""
    found = [installation.packages(PROJECT / LOCK), built_page()]
    try:
        return found + _with_packages()
    except ImportError as error:
        fault = f"{error.name or 'A package'} cannot be loaded, so nothing else was looked at."
        return [*found, Finding("packages", "fault", fault, "./studio up installs it.")]


def built_page() -> Finding:
    """Say whether the page that is served was made from the sources that are here."""
    stamp = PROJECT / BUILD / STAMP
    if not stamp.is_file():
        return Finding("page", "warning", "The page is not built.", "./studio up builds it.")
    if stamp.read_text(encoding="utf-8") != source_sum(PROJECT):
        return Finding(
            "page", "warning", "The page was built from other sources.", "./studio up builds it."
        )
    return Finding("page", "ok", "The page is built from the sources that are here.")


def _with_packages() -> list[Finding]:
    from pydantic import ValidationError

    from clone_studio.services.checks import choices
    from clone_studio.settings import get_settings

    try:
        settings = get_settings()
    except ValidationError as error:
        return choices.refused(error)
    found = [
        *choices.contradictions(settings),
        choices.public_address(settings),
        _port(settings),
    ]
    if not settings.data_dir.exists():
        # Nothing is made by looking at it.
        none = f"There is none yet: ./studio up makes {settings.data_dir}."
        return [*found, Finding("data folder", "ok", none)]
    return found + examine_studio()


def examine_studio() -> list[Finding]:
    """Return what was found in the data folder, the database and the services."""
    from clone_studio.bootstrap import services
    from clone_studio.services import health
    from clone_studio.services.checks import database, documents, folder, models

    studio = services()
    found = [folder.rights(studio.settings.data_dir), folder.secret_key(studio.settings)]
    obstacle = database.obstacle(studio.database)
    if obstacle is not None:
        found += [obstacle, _as_finding(health.disk(studio.settings.data_dir))]
    else:
        found += [_as_finding(part) for part in asyncio.run(_parts(studio))]
        found += [
            database.integrity(studio.database),
            *documents.documents(studio.database, studio.store),
            folder.last_backup(studio.database),
        ]
    found.append(models.sums(studio.settings.local_models_dir))
    studio.database.dispose()
    return found


async def _parts(studio: "Services") -> "tuple[Part, ...]":
    try:
        return (await studio.health.report(again=True)).parts
    finally:
        await studio.health.close()
        await studio.llm.close()
        await studio.speech_engine.close()
        await asyncio.to_thread(studio.embedder.close)


def _as_finding(part: "Part") -> Finding:
    return Finding(part.name, LEVELS[part.status], part.detail, part.fix)


def _port(settings: "Settings") -> Finding:
    from clone_studio.services.checks.port import port

    return port(settings.host, settings.port)


if __name__ == "__main__":
    sys.exit(main())
