"""Migrations: they make the schema of the models, and go both ways without losing rows."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlmodel import SQLModel, func, select

from clone_studio.db import Database
from clone_studio.models import Persona, PromptVersion, User


def test_the_migrations_make_what_the_models_say(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, SQLModel.metadata) == []


def test_going_down_and_up_again_keeps_the_rows(database: Database) -> None:
    with database.write() as session:
        session.add(User(id="ada", email="ada@example.org"))
        session.flush()
        session.add(Persona(id="ben", user_id="ada", slug="ben", name="Ben"))
        session.flush()
        session.add(PromptVersion(persona_id="ben", layer="system", version=1, content="Speak."))
    database.migrate("-1")
    database.migrate()
    with database.read() as session:
        assert session.get_one(Persona, "ben").voice_name == "Sarah"
        assert session.exec(select(func.count()).select_from(PromptVersion)).one() == 1
