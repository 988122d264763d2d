"""applications and zones"""
from alembic import op
import sqlalchemy as sa

revision = "a1f0c2"
down_revision = None


def upgrade():
    op.create_table("zone", sa.Column("code", sa.String(8), primary_key=True), sa.Column("title", sa.Text, nullable=False))
    op.create_table("application", sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("zone", sa.String(8)), sa.Column("state", sa.Text), sa.Column("filed_at", sa.DateTime))


def downgrade():
    op.drop_table("application")
    op.drop_table("zone")
