"""A store that is away for the writer, for as long as a test wants."""

import sqlite3
import threading
from typing import Any

import psycopg
from sqlalchemy import event

from armlift.storage.database import Database


class Outage:
    """Makes the store refuse the writer while it is on."""

    def __init__(self, database: Database, moment: str) -> None:
        self.is_on = False
        event.listen(database.engine, moment, self._refuse)
        self._database = database

    def _refuse(self, *_: object) -> None:
        if self.is_on and threading.current_thread().name == "group-commit":
            driver: Any = sqlite3 if self._database.dialect == "sqlite" else psycopg
            raise driver.OperationalError("disk I/O error\nin detail")
