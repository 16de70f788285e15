"""the embedding model that each clone is searched by."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


# A table beside `personas`, not columns of it: what is built and what failed is no part of a
# clone that is shown, copied or exported.
def upgrade() -> None:
    op.create_table(
        "embedding_uses",
        sa.Column("persona_id", sa.String(length=36), nullable=False),
        sa.Column("model", sa.String(length=120), nullable=False),
        sa.Column("origin", sa.JSON(), nullable=False),
        sa.Column("building", sa.String(length=120), nullable=False),
        sa.Column("building_origin", sa.JSON(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.ForeignKeyConstraint(
            ["persona_id"],
            ["personas.id"],
            name=op.f("fk_embedding_uses_persona_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("persona_id", name=op.f("pk_embedding_uses")),
    )


def downgrade() -> None:
    op.drop_table("embedding_uses")
