"""What concerns the process as a whole: its memory, its files, its signals."""

from __future__ import annotations

import gc
import resource
import signal
import threading
from collections.abc import Callable
from types import FrameType

#: allocations between two looks at the youngest objects: transactions live in reference counts, not in cycles
_GENERATIONS = (200_000, 20, 100)


def settle_memory() -> None:
    """Everything made so far stays for good: never look at it again for garbage (a call costs half as much so)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GENERATIONS)


def open_more_files() -> None:
    """Every connection is an open file: take as many as the system lets us without asking for rights."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            # an unlimited hard limit is more than some kernels give
            return


def on_signal(number: int, call: Callable[[], object]) -> Callable[[], None]:
    """Call ``call`` when signal ``number`` comes; what is given back undoes that. Nothing outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return lambda: None

    def handler(_: int, __: FrameType | None) -> None:
        call()

    before = signal.signal(number, handler)
    return lambda: _restore(number, before)


def _restore(number: int, before: object) -> None:
    signal.signal(number, before)  # type: ignore[arg-type]  # what signal.signal gave
