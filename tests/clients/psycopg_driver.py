#!/usr/bin/python3
"""psycopg, Python's driver for PostgreSQL: every step of README.md."""

import sys
import threading
from os import environ
from time import sleep

import psycopg

TABLE = environ["TABLE"]


def connect(password):
    return psycopg.connect(
        host=environ["HOST"],
        port=environ["PORT"],
        dbname=environ["DATABASE"],
        user=environ["ACCOUNT"],
        password=password,
        connect_timeout=30,
        autocommit=True,
    )


def one(connection, statement, *values, **options):
    return connection.execute(statement, values or None, **options).fetchone()[0]


def done(step):
    print(step, flush=True)


def cancel(connection):
    """Cancels what runs on the connection, by a request of its own as libpq makes it."""
    runs = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%%_sleep(%%' AND pid = %s"
    with connect(environ["PASSWORD"]) as watcher:
        while one(watcher, runs, connection.info.backend_pid) == 0:
            sleep(0.02)
    connection.cancel()


def main():
    connection = connect(environ["PASSWORD"])
    assert one(connection, "SELECT 'grüße ☃'") == "grüße ☃"
    done("query")

    for text in ["eins", "zwei und zwanzig"]:
        assert one(connection, "SELECT length(%s) + 1", text, prepare=True) == len(text) + 1
    done("prepared")

    connection.execute(f"CREATE TABLE {TABLE} (n INT, word VARCHAR(40))")
    for force_rollback in [True, False]:
        with connection.transaction(force_rollback=force_rollback):
            connection.execute(f"INSERT INTO {TABLE} VALUES (%s, %s)", [1, "one"])
        assert one(connection, f"SELECT count(*) FROM {TABLE}") == int(not force_rollback)
    done("transaction")

    rows = connection.execute("SELECT repeat('x', 1048576) FROM generate_series(1, 50)")
    assert sum(len(row[0]) for row in rows) == 50 << 20
    done("50 MB")

    with open(environ["ROWS"], "rb") as file, connection.cursor().copy(f"COPY {TABLE} FROM STDIN") as copy:
        copy.write(file.read())
    with connection.cursor().copy(f"COPY {TABLE} TO STDOUT") as copy:
        assert b"".join(copy).count(b"\n") == 1001
    done("load")

    other = threading.Thread(target=cancel, args=[connection])
    other.start()
    try:
        connection.execute("SELECT pg_sleep(60)")
        raise AssertionError("slept well")
    except psycopg.errors.QueryCanceled as error:
        print("cancelled:", error, file=sys.stderr)
    other.join()
    assert one(connection, "SELECT 1 + 1") == 2
    done("cancel")

    try:
        connect("wrong")
        raise AssertionError("the wrong password was right")
    except psycopg.OperationalError as error:
        assert "password authentication failed for user" in str(error), error
    done("wrong password")

    done("held")
    sys.stdin.readline()
    try:
        one(connection, "SELECT 1")
        raise AssertionError("the session outlived its server")
    except psycopg.OperationalError as error:
        print("ended:", error, file=sys.stderr)
    connection = connect(environ["PASSWORD"])
    assert one(connection, f"SELECT count(*) FROM {TABLE}") == 1001
    done("restart")


main()
