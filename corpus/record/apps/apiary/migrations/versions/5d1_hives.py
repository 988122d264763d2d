"""hives and their weighings"""
from alembic import op
revision, down_revision = "5d1", None


def upgrade():
    op.execute("create table hive(id serial primary key, stand text not null, queen_marked date)")
    op.execute("create table weighing(hive_id int references hive, at timestamptz, grams int)")


def downgrade():
    op.execute("drop table weighing, hive")
