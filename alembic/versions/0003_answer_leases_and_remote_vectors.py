"""answer leases and remote vectors."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Plain ALTER TABLE both ways: a batch would make the table of messages anew, which takes long
# where there are many.
LEASE_COLUMNS = (
    ("lease_owner", sa.String(80), True, None),
    ("lease_until", sa.DateTime(timezone=True), True, None),
    ("attempts", sa.Integer(), False, "0"),
    ("stop_asked", sa.Boolean(), False, sa.false()),
)


def upgrade() -> None:
    for name, kind, nullable, default in LEASE_COLUMNS:
        op.add_column("messages", sa.Column(name, kind, nullable=nullable, server_default=default))
    op.create_table(
        "remote_vectors",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("persona_id", sa.String(length=36), nullable=False),
        sa.Column("chunk_id", sa.String(length=36), nullable=False),
        sa.Column("model", sa.String(length=120), nullable=False),
        sa.Column("windows", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["chunk_id"],
            ["chunks.id"],
            name=op.f("fk_remote_vectors_chunk_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["persona_id"],
            ["personas.id"],
            name=op.f("fk_remote_vectors_persona_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remote_vectors")),
        sa.UniqueConstraint("chunk_id", "model", name=op.f("uq_remote_vectors_chunk_id_model")),
    )
    op.create_index("ix_remote_vectors_persona_id_model", "remote_vectors", ["persona_id", "model"])


def downgrade() -> None:
    op.drop_index("ix_remote_vectors_persona_id_model", table_name="remote_vectors")
    op.drop_table("remote_vectors")
    for name, _, _, _ in reversed(LEASE_COLUMNS):
        op.drop_column("messages", name)
