"""One thread that owns the database, and commits what comes at the same time together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from oversip_tw.promise import Promise
from oversip_tw.registrar.changes import StoreFailed
from oversip_tw.store.sql import Database

T = TypeVar("T")
#: runs a callable in the thread of the reactor, soon; callable from any thread (``reactor.callFromThread``)
FromThread = Callable[[Callable[[], None]], object]

#: jobs that may wait; when the disk hangs, whoever comes next hears so at once
BACKLOG = 10_000
#: jobs in one commit
BATCH = 500


class _Job(Generic[T]):
    __slots__ = ("error", "promise", "result", "work", "writes")

    def __init__(self, work: Callable[[Database], T], writes: bool) -> None:
        self.work = work
        self.writes = writes
        self.promise: Promise[T] = Promise()
        self.result: T | None = None
        self.error: BaseException | None = None

    def run(self, database: Database) -> None:
        self.error = None
        try:
            self.result = self.work(database)
        except Exception as error:
            self.error = _failure(database, error)

    def settle(self) -> None:
        if self.error is not None:
            self.promise.fail(self.error)
        else:
            self.promise.resolve(self.result)  # type: ignore[arg-type]  # without error: what the work gave


class Worker:
    """Runs jobs on ``database`` in the order they come; `close` ends it and closes the database.

    A write that comes within ``delay`` seconds of the last commit waits for the rest of them, to share the disk's time
    with others; one that comes later is written at once. Call from the reactor's thread.
    """

    def __init__(self, database: Database, from_thread: FromThread, delay: float = 0.01) -> None:
        self._database = database
        self._from_thread = from_thread
        self._delay = delay
        self._jobs: SimpleQueue[_Job[Any] | None] = SimpleQueue()
        self._closed: Promise[None] = Promise()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="oversip-store", daemon=True)
        self._thread.start()

    def read(self, work: Callable[[Database], T]) -> Promise[T]:
        """What ``work`` returns. Raises StoreFailed for what the database says, and whatever else ``work`` raises."""
        return self._enqueue(_Job(work, False))

    def write(self, work: Callable[[Database], None]) -> Promise[None]:
        """Returns once what ``work`` did is durable; raises as `read`, and then nothing of it was done."""
        return self._enqueue(_Job(work, True))

    async def close(self) -> None:
        """Finish what is there, then close the database. Further jobs fail."""
        if not self._closing:
            self._closing = True
            self._jobs.put(None)
        await self._closed

    def _enqueue(self, job: _Job[T]) -> Promise[T]:
        if self._closing:
            job.promise.fail(StoreFailed("the store is closed"))
        elif self._jobs.qsize() >= BACKLOG:
            job.promise.fail(StoreFailed("the store is too slow"))
        else:
            self._jobs.put(job)
        return job.promise

    # -- in the thread

    def _run(self) -> None:
        open = True
        not_before = 0.0
        while open:
            batch: list[_Job[Any]] = []
            job = self._jobs.get()
            if job is not None and job.writes:
                rest = not_before - time.monotonic()
                if rest > 0:
                    time.sleep(rest)
            while job is not None:
                batch.append(job)
                if len(batch) >= BATCH:
                    break
                try:
                    job = self._jobs.get_nowait()
                except Empty:
                    break
            else:
                open = False
            self._run_batch(batch)
            not_before = time.monotonic() + self._delay
        self._database.close()
        self._from_thread(lambda: self._closed.resolve(None))

    def _run_batch(self, batch: list[_Job[Any]]) -> None:
        if not any(job.writes for job in batch):
            for job in batch:
                job.run(self._database)
        elif not self._together(batch) and len(batch) > 1:
            # One of them spoils it for all, or the disk is full: each for itself.
            for job in batch:
                self._together([job])
        self._from_thread(lambda: _settle(batch))

    def _together(self, batch: list[_Job[Any]]) -> bool:
        """Run them in one transaction. False: it was rolled back and every one that writes has an error."""
        try:
            self._database.begin()
            for job in batch:
                job.run(self._database)
                if job.error is not None and job.writes:
                    raise job.error
            self._database.commit()
        except Exception as error:
            failure = _failure(self._database, error)
            for job in batch:
                job.error = job.error or failure
            self._roll_back()
            return False
        return True

    def _roll_back(self) -> None:
        try:
            if self._database.in_transaction:
                self._database.rollback()
        except self._database.Error:
            pass  # the database has done so itself, or the next BEGIN says what is wrong; the thread must live on


def _failure(database: Database, error: Exception) -> Exception:
    """What whoever waits hears: of the database's own errors in one word."""
    if not isinstance(error, database.Error):
        return error
    failure = StoreFailed(f"{database.kind}: {' '.join(str(error).split())}")
    failure.__cause__ = error
    return failure


def _settle(batch: list[_Job[Any]]) -> None:
    for job in batch:
        job.settle()
