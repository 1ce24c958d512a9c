"""A worker as the original coreapp was: Qt's QSqlDatabase, one session for all its life, and nothing
about TLS. It delivers the notes that the page takes.

    DRIVER, HOST, PORT, DATABASE, ACCOUNT, PASSWORD_FILE   what QSqlDatabase is told
    HEARTBEAT                                              a file that is touched at every turn
"""

import signal
import sys
import time
from os import environ
from pathlib import Path

from PyQt5.QtCore import QCoreApplication
from PyQt5.QtSql import QSqlDatabase, QSqlQuery


class Failed(Exception):
    """What the driver said."""


def connect():
    database = QSqlDatabase.database(open=False)
    database.setHostName(environ["HOST"])
    database.setPort(int(environ["PORT"]))
    database.setDatabaseName(environ["DATABASE"])
    database.setUserName(environ["ACCOUNT"])
    database.setPassword(Path(environ["PASSWORD_FILE"]).read_text())
    if not database.open():
        raise Failed(database.lastError().text())
    return database


def run(database, statement, *values):
    query = QSqlQuery(database)
    good = query.prepare(statement)
    for value in values:
        query.addBindValue(value)
    if not (good and query.exec()):
        raise Failed(query.lastError().text())
    return query


def deliver(database):
    """Delivers what waits, in one transaction."""
    database.transaction()
    waiting = run(database, "SELECT id, body FROM notes WHERE state = ?", "waiting")
    while waiting.next():
        run(database, "UPDATE notes SET state = ? WHERE id = ?", "delivered", waiting.value(0))
        print("delivered:", waiting.value(1), flush=True)
    if not database.commit():
        raise Failed(database.lastError().text())


def main():
    for told in [signal.SIGINT, signal.SIGTERM]:
        signal.signal(told, lambda *_: sys.exit(0))
    QSqlDatabase.addDatabase(environ["DRIVER"])
    database = None
    while True:
        try:
            database = database or connect()
            deliver(database)
            Path(environ["HEARTBEAT"]).touch()
        except Failed as error:
            # The page makes the table, at its first visit.
            print("failed:", error, file=sys.stderr, flush=True)
            if database:
                database.close()
                database = None
        time.sleep(0.5)


application = QCoreApplication(sys.argv)
main()
