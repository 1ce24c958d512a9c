#!/usr/bin/python3
"""Qt's QSqlDatabase, by which the coreapp in C++ reaches its database: every step of README.md, on
either engine. QPSQL has no call for COPY, so that step is missing there."""

import itertools
import subprocess
import sys
from os import environ
from time import sleep

from PyQt5.QtCore import QCoreApplication
from PyQt5.QtSql import QSqlDatabase, QSqlQuery

if environ["ENGINE"] == "postgres":
    DRIVER, DENIED = "QPSQL", "password authentication failed for user"
    OPTIONS = "connect_timeout=30"
    OWN_ID, SLEEP = "SELECT pg_backend_pid()", "SELECT 1 FROM pg_sleep(60)"
    RUNS = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%_sleep(%' AND pid = "
    CANCEL = "SELECT pg_cancel_backend({})"
    LARGE = "SELECT repeat('x', 1048576) FROM generate_series(1, 50)"
else:
    DRIVER, DENIED = "QMYSQL", "Access denied for user"
    OPTIONS = "MYSQL_OPT_CONNECT_TIMEOUT=30"
    OWN_ID, SLEEP = "SELECT CONNECTION_ID()", "SELECT SLEEP(60)"
    RUNS = "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%SLEEP(%' AND id = "
    CANCEL = "KILL QUERY {}"
    LARGE = (
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) "
        "SELECT repeat('x', 1048576) FROM n"
    )
TABLE = environ["TABLE"]
names = map(str, itertools.count())


class Refused(Exception):
    """What the driver said."""


def connect(password):
    database = QSqlDatabase.addDatabase(DRIVER, next(names))
    database.setDatabaseName(environ["DATABASE"])
    database.setUserName(environ["ACCOUNT"])
    database.setPassword(password)
    if "SOCKET" in environ:
        database.setConnectOptions(f"{OPTIONS};UNIX_SOCKET={environ['SOCKET']}")
    else:
        database.setHostName(environ["HOST"])
        database.setPort(int(environ["PORT"]))
        database.setConnectOptions(OPTIONS)
    if not database.open():
        raise Refused(database.lastError().text())
    return database


def run(database, statement, *values):
    query = QSqlQuery(database)
    query.setForwardOnly(True)
    if values:
        good = query.prepare(statement)
        for value in values:
            query.addBindValue(value)
        good = good and query.exec()
    else:
        good = query.exec(statement)
    if not good:
        raise Refused(query.lastError().text())
    return query


def one(database, statement, *values):
    query = run(database, statement, *values)
    if not query.next():
        raise Refused(query.lastError().text() or "no row")
    return query.value(0)


def done(step):
    print(step, flush=True)


def cancel(own_id):
    """Cancels a query from a session of its own, once it runs."""
    database = connect(environ["PASSWORD"])
    while one(database, RUNS + own_id) == 0:
        sleep(0.02)
    run(database, CANCEL.format(own_id))


def main():
    database = connect(environ["PASSWORD"])
    assert one(database, "SELECT 'grüße ☃'") == "grüße ☃"
    done("query")

    for text in ["eins", "zwei und zwanzig"]:
        assert one(database, "SELECT length(?) + 1", text) == len(text) + 1
    done("prepared")

    run(database, f"CREATE TABLE {TABLE} (n INT, word VARCHAR(40))")
    for end, rows in [(database.rollback, 0), (database.commit, 1)]:
        assert database.transaction()
        run(database, f"INSERT INTO {TABLE} VALUES (?, ?)", 1, "one")
        assert end(), database.lastError().text()
        assert one(database, f"SELECT count(*) FROM {TABLE}") == rows
    done("transaction")

    length = 0
    query = run(database, LARGE)
    while query.next():
        length += len(query.value(0))
    assert length == 50 << 20, length
    query.finish()
    done("50 MB")

    if DRIVER == "QMYSQL":
        run(database, f"LOAD DATA LOCAL INFILE '{environ['ROWS']}' INTO TABLE {TABLE}")
        assert one(database, f"SELECT count(*) FROM {TABLE}") == 1001
        done("load")

    own_id = str(one(database, OWN_ID))
    other = subprocess.Popen([sys.executable, __file__, "cancel", own_id])
    try:
        # A MySQL that is woken has slept well, by its own account.
        assert one(database, SLEEP) == 1
    except Refused as error:
        print("cancelled:", error, file=sys.stderr)
    assert other.wait(60) == 0
    assert one(database, "SELECT 1 + 1") == 2
    done("cancel")

    try:
        connect("wrong")
        raise AssertionError("the wrong password was right")
    except Refused as error:
        assert DENIED in str(error), error
    done("wrong password")

    done("held")
    sys.stdin.readline()
    try:
        one(database, "SELECT 1")
        raise AssertionError("the session outlived its server")
    except Refused as error:
        print("ended:", error, file=sys.stderr)
    database = connect(environ["PASSWORD"])
    assert one(database, f"SELECT count(*) FROM {TABLE}") > 0
    done("restart")


application = QCoreApplication(sys.argv)
if sys.argv[1:2] == ["cancel"]:
    cancel(sys.argv[2])
else:
    main()
