"""The thread that owns the database: order, shared commits, failures."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from twisted.trial import unittest

from oversip_tw.registrar.changes import StoreFailed
from oversip_tw.store import worker as module
from oversip_tw.store.database import SqliteDatabase
from oversip_tw.store.sql import Database
from oversip_tw.store.worker import Worker
from tests.registrar.phones import Outcome
from tests.store.files import PATIENCE, Reactor


class Working(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        path = Path(self.mktemp())
        self.database = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, factory=SqliteDatabase
        )
        self.database.execute("CREATE TABLE t (x PRIMARY KEY)")
        self.commits: list[str] = []
        self.database.set_trace_callback(self.commits.append)
        self.other = sqlite3.connect(path, isolation_level=None)
        self.reactor = Reactor()
        self.worker = Worker(self.database, self.reactor.call, 0.0)
        self.gate = threading.Event()
        self.addCleanup(self.finish)

    def finish(self) -> None:
        self.gate.set()
        self.reactor.result(self.worker.close())
        self.other.close()

    def insert(self, value: object) -> Outcome:
        def work(database: Database) -> None:
            database.execute("INSERT INTO t VALUES (?)", (value,))

        return Outcome(self.worker.write(work))

    def block(self) -> Outcome:
        """Keep the thread busy until the gate opens."""
        entered = threading.Event()

        def work(database: Database) -> None:
            entered.set()
            self.gate.wait(PATIENCE)

        blocking = Outcome(self.worker.read(work))
        entered.wait(PATIENCE)
        return blocking

    def rows(self) -> list[object]:
        return [value for (value,) in self.other.execute("SELECT x FROM t ORDER BY rowid")]

    def test_durable_on_return(self) -> None:
        """When a write returns, everybody can see it."""
        self.reactor.until(self.insert(1))
        self.assertEqual(self.rows(), [1])

    def test_read(self) -> None:
        """A read returns what its work returns, in the thread of the database."""
        name = self.reactor.result(self.worker.read(lambda database: threading.current_thread().name))
        self.assertEqual(name, "oversip-store")

    def test_in_order(self) -> None:
        """Jobs run as they come, reads between writes too."""
        first = self.insert(1)
        read = Outcome(self.worker.read(lambda database: database.execute("SELECT count(*) FROM t").fetchone()))
        second = self.insert(2)
        self.reactor.until(first, read, second)
        self.assertEqual((read.value, self.rows()), ((1,), [1, 2]))

    def test_one_commit_for_many(self) -> None:
        """What comes while the thread is busy shares one commit."""
        blocking = self.block()
        inserted = [self.insert(number) for number in range(50)]
        self.gate.set()
        self.reactor.until(blocking, *inserted)
        self.assertEqual(self.commits.count("COMMIT"), 1)
        self.assertEqual(len(self.rows()), 50)

    def test_K9_none_before_the_commit(self) -> None:
        """Nobody in a shared commit is told before it is done."""
        told: list[int] = []
        blocking = self.block()
        inserted = [self.insert(number) for number in range(3)]
        for each in inserted:
            each.task._waits_for.when_done(lambda: told.append(len(self.rows())))
        self.gate.set()
        self.reactor.until(blocking, *inserted)
        self.assertEqual(told, [3, 3, 3])

    def test_one_spoils_nothing_for_others(self) -> None:
        """In a shared commit the job that fails fails alone, reads beside it too."""
        blocking = self.block()
        good, bad, better = self.insert(1), self.insert(1), self.insert(2)
        read = Outcome(self.worker.read(lambda database: 7))

        def buggy(database: Database) -> None:
            database.execute("INSERT INTO t VALUES (3)")
            raise ValueError("bug")

        bug = Outcome(self.worker.write(buggy))
        wrong = Outcome(self.worker.read(lambda database: database.execute("nonsense")))
        self.gate.set()
        self.reactor.until(blocking, good, bad, better, read, bug, wrong)
        self.assertEqual([each.error for each in (good, better, read)], [None] * 3)
        self.assertEqual([type(each.error) for each in (bad, bug, wrong)], [StoreFailed, ValueError, StoreFailed])
        self.assertEqual((self.rows(), read.value), ([1, 2], 7))

    def test_nothing_of_a_failed_write(self) -> None:
        """What a failed write did before it failed is undone."""

        def work(database: Database) -> None:
            database.execute("INSERT INTO t VALUES (1)")
            database.execute("INSERT INTO t VALUES (1)")

        failed = Outcome(self.worker.write(work))
        self.reactor.until(failed)
        self.assertIsInstance(failed.error, StoreFailed)
        self.assertEqual(self.rows(), [])

    def test_K7_disk_cannot_be_written(self) -> None:
        """While another process holds the file, or the disk is full, writes fail; then they work again."""
        self.database.execute("PRAGMA busy_timeout = 0")
        self.other.execute("BEGIN EXCLUSIVE")
        first, second = self.insert(1), self.insert(2)
        self.reactor.until(first, second)
        self.assertEqual([type(each.error) for each in (first, second)], [StoreFailed] * 2)
        self.other.execute("ROLLBACK")
        self.reactor.until(self.insert(3))
        self.assertEqual(self.rows(), [3])

    def test_work_that_ends_the_transaction(self) -> None:
        """A job that ends the transaction under the others' feet is an error, and the thread lives on."""
        wrong = Outcome(self.worker.write(lambda database: database.execute("COMMIT") and None))
        self.reactor.until(wrong)
        self.assertIsInstance(wrong.error, StoreFailed)
        self.reactor.until(self.insert(1))

    def test_database_gone(self) -> None:
        """Whatever happens to the database, every job has its answer."""
        for _ in range(2):
            wrong = Outcome(self.worker.write(lambda database: database.close()))
            self.reactor.until(wrong)
            self.assertIsInstance(wrong.error, StoreFailed)

    def test_too_slow(self) -> None:
        """When the disk hangs, so many may wait, and whoever comes next hears so at once."""
        self.patch(module, "BACKLOG", 3)
        blocking = self.block()
        inserted = [self.insert(number) for number in range(5)]
        self.assertEqual([type(each.error) for each in inserted], [type(None)] * 3 + [StoreFailed] * 2)
        self.gate.set()
        self.reactor.until(blocking, *inserted)
        self.assertEqual(self.rows(), [0, 1, 2])

    def test_batches(self) -> None:
        """More than a commit should hold is cut into several."""
        self.patch(module, "BATCH", 10)
        blocking = self.block()
        inserted = [self.insert(number) for number in range(25)]
        self.gate.set()
        self.reactor.until(blocking, *inserted)
        self.assertEqual((self.commits.count("COMMIT"), len(self.rows())), (3, 25))

    def test_close(self) -> None:
        """What was there before the end is done, then the file is closed; later jobs fail; closing twice is one."""
        inserted = self.insert(1)
        closing = [Outcome(self.worker.close()), Outcome(self.worker.close())]
        late = self.insert(2)
        self.assertIsInstance(late.error, StoreFailed)
        self.reactor.until(inserted, *closing)
        self.assertEqual(self.rows(), [1])
        self.assertRaises(sqlite3.ProgrammingError, self.database.execute, "SELECT 1")

    def test_delay(self) -> None:
        """A write that waits for others leaves with them."""
        database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        slow = Worker(database, self.reactor.call, 0.002)
        self.reactor.until(Outcome(slow.write(lambda database: None)))
        self.reactor.until(Outcome(slow.write(lambda database: None)))
        self.reactor.result(slow.close())
