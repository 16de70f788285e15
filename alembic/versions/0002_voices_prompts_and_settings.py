"""voices prompts and settings."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

VOICE_COLUMNS = (
    ("voice_id", 80, "EXAVITQu4vr4xnSDxMaL"),
    ("voice_name", 120, "Sarah"),
    ("elevenlabs_agent_id", 80, ""),
)


def upgrade() -> None:
    op.create_table(
        "settings",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("is_secret", sa.Boolean(), nullable=False),
        sa.Column("updated_by", sa.String(length=36), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_settings")),
    )
    op.create_table(
        "prompt_drafts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("persona_id", sa.String(length=36), nullable=False),
        sa.Column("layer", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("base_version_id", sa.String(length=36), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["persona_id"],
            ["personas.id"],
            name=op.f("fk_prompt_drafts_persona_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_prompt_drafts_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prompt_drafts")),
        sa.UniqueConstraint(
            "user_id",
            "persona_id",
            "layer",
            "name",
            name=op.f("uq_prompt_drafts_user_id_persona_id_layer_name"),
        ),
    )
    with op.batch_alter_table("prompt_drafts", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_prompt_drafts_persona_id"), ["persona_id"], unique=False
        )

    op.create_table(
        "speech_usage",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("persona_id", sa.String(length=36), nullable=False),
        sa.Column("engine", sa.String(length=20), nullable=False),
        sa.Column("model", sa.String(length=80), nullable=False),
        sa.Column("voice_id", sa.String(length=80), nullable=False),
        sa.Column("characters", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["persona_id"],
            ["personas.id"],
            name=op.f("fk_speech_usage_persona_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_speech_usage")),
    )
    with op.batch_alter_table("speech_usage", schema=None) as batch_op:
        batch_op.create_index(
            "ix_speech_usage_persona_id_created_at", ["persona_id", "created_at"], unique=False
        )

    op.create_table(
        "activations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("persona_id", sa.String(length=36), nullable=False),
        sa.Column("layer", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("version_id", sa.String(length=36), nullable=False),
        sa.Column("previous_version_id", sa.String(length=36), nullable=True),
        sa.Column("user_id", sa.String(length=36), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["persona_id"],
            ["personas.id"],
            name=op.f("fk_activations_persona_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["prompt_versions.id"],
            name=op.f("fk_activations_version_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activations")),
    )
    with op.batch_alter_table("activations", schema=None) as batch_op:
        batch_op.create_index(
            "ix_activations_persona_id_created_at", ["persona_id", "created_at"], unique=False
        )

    # Plain ALTER TABLE both ways: rebuilding `personas` on SQLite, as a batch does, drops the old
    # table and with it, by cascade, every file and thread of every clone.
    for name, length, value in VOICE_COLUMNS:
        op.add_column(
            "personas", sa.Column(name, sa.String(length), nullable=False, server_default=value)
        )
    op.add_column(
        "personas", sa.Column("voice_settings", sa.JSON(), nullable=False, server_default="{}")
    )


def downgrade() -> None:
    op.drop_column("personas", "voice_settings")
    for name, _, _ in VOICE_COLUMNS:
        op.drop_column("personas", name)

    with op.batch_alter_table("activations", schema=None) as batch_op:
        batch_op.drop_index("ix_activations_persona_id_created_at")

    op.drop_table("activations")
    with op.batch_alter_table("speech_usage", schema=None) as batch_op:
        batch_op.drop_index("ix_speech_usage_persona_id_created_at")

    op.drop_table("speech_usage")
    with op.batch_alter_table("prompt_drafts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_prompt_drafts_persona_id"))

    op.drop_table("prompt_drafts")
    op.drop_table("settings")
