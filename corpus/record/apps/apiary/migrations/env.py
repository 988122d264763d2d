from logging.config import fileConfig
from alembic import context
from sqlalchemy import create_engine
from apiary.settings import url

fileConfig(context.config.config_file_name)
with create_engine(url()).connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
