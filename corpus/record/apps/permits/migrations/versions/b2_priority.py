"""priority of applications"""
from alembic import op
import sqlalchemy as sa

revision = "b27e91"
down_revision = "a1f0c2"


def upgrade():
    op.add_column("application", sa.Column("priority", sa.Integer, server_default="0"))


def downgrade():
    op.drop_column("application", "priority")
