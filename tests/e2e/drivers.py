"""Connects with each driver, as programs do and as pools do. One JSON request on standard input, one answer for each driver."""

import asyncio
import json
import ssl
import sys

import asyncpg
import pg8000.dbapi
import psycopg
import psycopg2
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

where = json.load(sys.stdin)
trust = ssl.create_default_context(cafile=where["ca"])
libpq = {"sslmode": "verify-full", "sslrootcert": where["ca"]}


def own(token, database="dbname"):
    return {"host": where["host"], "port": where["port"], "user": "postgres", database: "md:", "password": token}


def dbapi(connect, token, database, **tls):
    connection = connect(**own(token, database), **tls)
    cursor = connection.cursor()
    cursor.execute("SELECT 1")
    value = cursor.fetchone()[0]
    connection.commit()
    connection.close()
    return value


async def with_asyncpg(token):
    connection = await asyncpg.connect(**own(token, "database"), ssl=trust)
    async with connection.transaction():
        value = await connection.fetchval("SELECT 1")
    await connection.close()
    return value


async def with_asyncpg_pool(token):
    async with asyncpg.create_pool(**own(token, "database"), ssl=trust, min_size=1, max_size=1) as pool:
        # The second one is handed a connection that was reset.
        await pool.fetchval("SELECT 1")
        return await pool.fetchval("SELECT 1")


def url(driver, token):
    place = {"host": where["host"], "port": where["port"], "database": "md:"}
    return sqlalchemy.URL.create(f"postgresql+{driver}", username="postgres", password=token, **place)


def with_sqlalchemy(driver, token, arguments):
    engine = sqlalchemy.create_engine(url(driver, token), connect_args=arguments, pool_pre_ping=True)
    for _ in range(2):
        with engine.connect() as connection:
            value = connection.execute(sqlalchemy.text("SELECT 1")).scalar()
    engine.dispose()
    return value


async def with_sqlalchemy_asyncpg(token):
    engine = create_async_engine(url("asyncpg", token), connect_args={"ssl": trust}, pool_pre_ping=True)
    async with engine.connect() as connection:
        value = (await connection.execute(sqlalchemy.text("SELECT 1"))).scalar()
    await engine.dispose()
    return value


drivers = {
    "psycopg": lambda token: dbapi(psycopg.connect, token, "dbname", **libpq),
    "psycopg2": lambda token: dbapi(psycopg2.connect, token, "dbname", **libpq),
    "pg8000": lambda token: dbapi(pg8000.dbapi.connect, token, "database", ssl_context=trust),
    "asyncpg": lambda token: asyncio.run(with_asyncpg(token)),
    "asyncpg.pool": lambda token: asyncio.run(with_asyncpg_pool(token)),
    "sqlalchemy+psycopg": lambda token: with_sqlalchemy("psycopg", token, libpq),
    "sqlalchemy+psycopg2": lambda token: with_sqlalchemy("psycopg2", token, libpq),
    "sqlalchemy+pg8000": lambda token: with_sqlalchemy("pg8000", token, {"ssl_context": trust}),
    "sqlalchemy+asyncpg": lambda token: asyncio.run(with_sqlalchemy_asyncpg(token)),
}

for name, connect in drivers.items():
    answer = {"driver": name}
    for token in ("good", "revoked"):
        try:
            answer[token] = connect(where[token])
        except Exception as error:
            answer[token] = f"{type(error).__name__}: {error}"
    print(json.dumps(answer), flush=True)
