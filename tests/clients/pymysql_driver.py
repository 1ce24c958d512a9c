#!/usr/bin/python3
"""PyMySQL, Python's driver for MySQL and MariaDB: every step of README.md."""

import sys
import threading
from os import environ
from time import sleep

import pymysql
from pymysql.cursors import SSCursor

TABLE = environ["TABLE"]


def connect(password):
    if "SOCKET" in environ:
        place = {"unix_socket": environ["SOCKET"]}
    else:
        place = {"host": environ["HOST"], "port": int(environ["PORT"])}
    return pymysql.connect(
        database=environ["DATABASE"],
        user=environ["ACCOUNT"],
        password=password,
        connect_timeout=30,
        local_infile=True,
        **place,
    )


def one(connection, statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
        return row and row[0]


def done(step):
    print(step, flush=True)


def cancel(own_id):
    """Cancels a query from a session of its own, once it runs."""
    runs = f"SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%SLEEP(%' AND id = {own_id}"
    connection = connect(environ["PASSWORD"])
    while one(connection, runs) == 0:
        sleep(0.02)
    one(connection, f"KILL QUERY {own_id}")


def main():
    connection = connect(environ["PASSWORD"])
    assert one(connection, "SELECT 'grüße ☃'") == "grüße ☃"
    done("query")

    # The driver puts values into the text itself; statements are prepared in SQL.
    one(connection, "PREPARE plus FROM 'SELECT length(?) + 1'")
    for text in ["eins", "zwei und zwanzig"]:
        one(connection, f"SET @text = '{text}'")
        assert one(connection, "EXECUTE plus USING @text") == len(text) + 1
    done("prepared")

    one(connection, f"CREATE TABLE {TABLE} (n INT, word VARCHAR(40))")
    for end, rows in [(connection.rollback, 0), (connection.commit, 1)]:
        connection.begin()
        one(connection, f"INSERT INTO {TABLE} VALUES (1, 'one')")
        end()
        assert one(connection, f"SELECT count(*) FROM {TABLE}") == rows
    done("transaction")

    with connection.cursor(SSCursor) as cursor:
        cursor.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) "
            "SELECT repeat('x', 1048576) FROM n"
        )
        assert sum(len(row[0]) for row in cursor) == 50 << 20
    done("50 MB")

    one(connection, f"LOAD DATA LOCAL INFILE '{environ['ROWS']}' INTO TABLE {TABLE}")
    connection.commit()
    assert one(connection, f"SELECT count(*) FROM {TABLE}") == 1001
    done("load")

    other = threading.Thread(target=cancel, args=[one(connection, "SELECT CONNECTION_ID()")])
    other.start()
    try:
        # A MySQL that is woken has slept well, by its own account.
        assert one(connection, "SELECT SLEEP(60)") == 1
    except pymysql.OperationalError as error:
        print("cancelled:", error, file=sys.stderr)
    other.join()
    assert one(connection, "SELECT 1 + 1") == 2
    done("cancel")

    try:
        connect("wrong")
        raise AssertionError("the wrong password was right")
    except pymysql.OperationalError as error:
        assert "Access denied for user" in str(error), error
    done("wrong password")

    done("held")
    sys.stdin.readline()
    try:
        one(connection, "SELECT 1")
        raise AssertionError("the session outlived its server")
    except pymysql.OperationalError as error:
        print("ended:", error, file=sys.stderr)
    connection = connect(environ["PASSWORD"])
    assert one(connection, f"SELECT count(*) FROM {TABLE}") == 1001
    done("restart")


main()
