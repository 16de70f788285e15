"""Measures the language model on this machine: questions about Franklin's life.

The whole path of an answer is walked, from the PDF to the citations, with the real model. Left
out where the model is not installed, which takes `./studio models install llm`.
"""

import asyncio
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlmodel import select

from bench.data import DataMissing, data_folder
from bench.served import OWNER, models_folder
from clone_studio.bootstrap import Services, build
from clone_studio.models import Persona, User
from clone_studio.providers.llm.local import LocalLanguageModel
from clone_studio.services.conversations import MessageInfo
from clone_studio.settings import Settings
from clone_studio.worker import Worker

Row = dict[str, Any]

SLUG = "franklin"
PDF = "autobiography.pdf"
# Each with words of which an answer from the book has at least one.
QUESTIONS = (
    ("What was the first of your thirteen virtues?", ("temperance",)),
    ("Which book persuaded you to follow a vegetable diet?", ("tryon",)),
    ("At what age were you put to the grammar school?", ("eight",)),
    ("Who was Keimer?", ("printer", "prophet", "compositor")),
    ("What did you make with a kite at Philadelphia?", ("experiment", "electric", "lightning")),
    ("What was the Junto?", ("club", "debat", "improvement")),
)
WANTED = 3
UNKNOWN = "Which smartphone do you recommend for video calls?"
_MARK = re.compile(r"\[(\d+)\]")


def run(short: bool) -> list[Row]:
    """Return the rows; a short run asks fewer questions."""
    model = LocalLanguageModel(models_folder())
    if not model.is_ready:
        raise DataMissing("the local language model is not installed: ./studio models install llm")
    book = data_folder("2_persona/franklin/formats") / PDF
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
        studio = _studio(Path(folder))
        try:
            _read(studio, book)
            return asyncio.run(_rows(studio, QUESTIONS[:WANTED] if short else QUESTIONS))
        finally:
            studio.database.dispose()


def _studio(data_dir: Path) -> Services:
    settings = Settings(
        _env_file=None,
        data_dir=data_dir,
        models_dir=models_folder(),
        owner_email=OWNER[0],
        owner_password=SecretStr(OWNER[1]),
        llm="local",
        embeddings="local",
    )
    studio = build(settings)
    studio.database.migrate()
    studio.auth.ensure_owner()
    with studio.database.write() as session:
        owner = session.exec(select(User)).one()
        persona = Persona(
            user_id=owner.id, slug=SLUG, name="Benjamin Franklin", temperature=0.0, max_tokens=160
        )
        session.add(persona)
        session.flush()
        studio.prompts.start_from(session, persona.id, "default", owner.id)
    return studio


def _owner(studio: Services) -> str:
    with studio.database.read() as session:
        return session.exec(select(User.id)).one()


def _read(studio: Services, book: Path) -> None:
    """Have the book read and embedded, as an upload would be."""
    content, owner = book.read_bytes(), _owner(studio)
    pending = studio.files.begin(owner, SLUG, book.name, len(content))
    pending.write(content)
    added = pending.finish()
    worker = Worker(studio, ingesters=2)
    worker.start()
    try:
        while studio.files.get_for(owner, added.id).embedding != "done":
            time.sleep(0.2)
    finally:
        worker.stop()


async def _rows(studio: Services, questions: Sequence[tuple[str, tuple[str, ...]]]) -> list[Row]:
    rows: list[Row] = []
    first_words: list[float] = []
    written: list[tuple[int, float]] = []
    good = 0
    owner = _owner(studio)
    await studio.chat.warm(owner, SLUG)
    for question, expected in questions:
        answer = await _answer(studio, owner, question)
        first_words.append(_first(answer))
        written.append(_written(answer))
        marks = {int(number) for number in _MARK.findall(answer.content)}
        valid = bool(marks) and marks == {one["number"] for one in answer.citations}
        right = any(word in answer.content.lower() for word in expected)
        good += valid and right
        pages = ", ".join(str(one["page"]) for one in answer.citations)
        verdict = f"{'right' if right else 'wrong'}, " + (
            f"pages {pages}" if valid else "not cited"
        )
        note = f"“{answer.content}” ({verdict}; {answer.usage['promptTokens']} tokens read)"
        rows.append(_row(f"first word: {question}", first_words[-1], "s", None, note))
    unknown = await _answer(studio, owner, UNKNOWN)
    refused = not unknown.citations and unknown.usage["completionTokens"] == 0
    tokens = sum(count for count, _seconds in written)
    seconds = sum(took for _count, took in written)
    total = f"of {len(questions)}"
    cold = await _cold(studio, owner)
    await studio.llm.close()
    await studio.chat.close()
    return [
        _row(
            "answers from the passages with valid citations",
            good,
            total,
            WANTED if questions == QUESTIONS else None,
            "",
        ),
        _row("off the topic, refused without the model", int(refused), "of 1", 1, unknown.content),
        _row(
            "first word, clone opened before", max(first_words), "s", None, f"the slowest {total}"
        ),
        _row("first word, model not loaded", cold, "s", None, "the same question again"),
        _row("speed", tokens / max(seconds, 0.001), "tokens/s", None, f"{tokens} tokens"),
        *rows,
    ]


async def _answer(studio: Services, owner: str, question: str) -> MessageInfo:
    started = await studio.chat.start(owner, SLUG, question)
    async for _event in studio.chat.attach(owner, started.message_id):
        pass
    return await asyncio.to_thread(studio.conversations.message_for, owner, started.message_id)


async def _cold(studio: Services, owner: str) -> float:
    """Return the seconds to the first word when the model has to be loaded first."""
    await studio.llm.close()
    return _first(await _answer(studio, owner, QUESTIONS[0][0]))


def _span(answer: MessageInfo, name: str) -> dict[str, Any]:
    found = [one for one in answer.spans if one["name"] == name]
    if not found:
        raise RuntimeError(f"there is no answer: {answer.error or answer.content}")
    return dict(found[0])


def _first(answer: MessageInfo) -> float:
    """Return the seconds from the question to the first word."""
    span = _span(answer, "llm.first_token")
    return float(span["startMs"] + span["ms"]) / 1000


def _written(answer: MessageInfo) -> tuple[int, float]:
    """Return the tokens behind the first one, and the seconds that they took."""
    tokens = max(answer.usage["completionTokens"] - 1, 0)
    return tokens, _span(answer, "llm.last_token")["ms"] / 1000 if tokens else 0.0


def _row(name: str, value: Any, unit: str, target: Any, note: str) -> Row:
    return {"name": name, "value": value, "unit": unit, "target": target, "note": note}
