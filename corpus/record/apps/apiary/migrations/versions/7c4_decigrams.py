"""scales now send kilograms"""
import sqlalchemy as sa
from alembic import op
revision, down_revision = "7c4", "6a0"


def upgrade():
    op.add_column("weighing", sa.Column("kilograms", sa.Numeric(7, 3)))
    op.execute("update weighing set kilograms = grams / 1000.0")


def downgrade():
    op.drop_column("weighing", "kilograms")
