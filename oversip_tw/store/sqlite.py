"""The embedded store: one SQLite file for users, bindings and keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from oversip_tw.interfaces import Clock
from oversip_tw.store.database import open_database
from oversip_tw.store.sql_store import SqlStore, unreported
from oversip_tw.store.worker import FromThread


class SqliteStore(SqlStore):
    """The `SqlStore` of the file ``path``, which is made if there is none."""

    def __init__(
        self,
        path: str | Path,
        clock: Clock,
        from_thread: FromThread,
        commit_delay: float = 0.01,
        failed: Callable[[BaseException], None] = unreported,
    ) -> None:
        super().__init__(lambda: open_database(path), str(path), clock, from_thread, commit_delay, failed)
