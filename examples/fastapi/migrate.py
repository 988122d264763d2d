"""Brings the schema up to date; run by one instance at a time."""

import asyncio
import os

import asyncpg


async def main() -> None:
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    try:
        await connection.execute("create table if not exists orders (id bigserial primary key, what text not null)")
    finally:
        await connection.close()


asyncio.run(main())
