"""Work that waits for a disk, away from the reactor's thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from oversip_tw.promise import Promise
from oversip_tw.store.worker import FromThread

T = TypeVar("T")


def in_thread(work: Callable[[], T], from_thread: FromThread) -> Promise[T]:
    """What ``work`` returns or raises; it runs in a thread of its own, and nobody waits for that."""
    promise: Promise[T] = Promise()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            escaped = error  # the name of an except clause is gone when the lambda runs
            from_thread(lambda: promise.fail(escaped))
        else:
            from_thread(lambda: promise.resolve(result))

    threading.Thread(target=run, name="oversip-file", daemon=True).start()
    return promise
