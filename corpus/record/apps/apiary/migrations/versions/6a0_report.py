"""monthly report as a view"""
from alembic import op
revision, down_revision = "6a0", "5d1"


def upgrade():
    op.execute("create view honey_by_month as select hive_id, date_trunc('month', at) as month, max(grams) - min(grams) as gain from weighing group by 1, 2")


def downgrade():
    op.execute("drop view honey_by_month")
