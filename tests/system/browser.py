"""Chromium, driven by playwright's sync API from one thread of its own, so that no event loop meets trial's reactor."""

from __future__ import annotations

import atexit
import queue
import socket
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from .processes import missing, poll, program

T = TypeVar("T")

#: no question is asked of anybody, nothing is fetched from anywhere, media are made up
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream=device-count=1,fps=10",
    "--ignore-certificate-errors",
    "--autoplay-policy=no-user-gesture-required",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    "--disable-features=WebRtcHideLocalIpsWithMdns,LocalNetworkAccessChecks,MediaRouter,OptimizationHints,Translate",
]


def media_flags() -> list[str]:
    """Media over loopback only where there is no other interface: baresip takes one address, and knows DTLS by it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            return ["--allow-loopback-in-peer-connection"]
    return []


class Browser:
    """One chromium process. Everything that touches playwright goes through `run`."""

    def __init__(self) -> None:
        self._path = program("chromium")
        try:
            import playwright.sync_api
        except ImportError:
            raise missing("playwright") from None
        driver = Path(playwright.__file__).with_name("driver") / "node"
        if driver.exists() and subprocess.run([driver, "--version"], capture_output=True, check=False).returncode:
            raise missing("libatomic1")
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._browser: Any = None
        started: Future[None] = Future()
        self._thread = threading.Thread(target=self._work, args=(started,), name="browser", daemon=True)
        self._thread.start()
        started.result(60)
        atexit.register(self.close)

    def _work(self, started: Future[None]) -> None:
        from playwright.sync_api import sync_playwright

        try:
            player = sync_playwright().start()
            flags = FLAGS + media_flags()
            self._browser = player.chromium.launch(executable_path=self._path, args=flags, headless=True)
        except BaseException as error:
            started.set_exception(error)
            return
        started.set_result(None)
        while (job := self._jobs.get()) is not None:
            call, answer = job
            try:
                answer.set_result(call())
            except BaseException as error:
                answer.set_exception(error)
        self._browser.close()
        player.stop()

    def run(self, call: Callable[[], T], seconds: float = 60) -> T:
        """What ``call`` returns when it is run in the browser's thread."""
        answer: Future[T] = Future()
        self._jobs.put((call, answer))
        return answer.result(seconds)

    def open(self, url: str, width: int = 800, height: int = 600) -> Tab:
        """A page in a context of its own: another person's browser, as far as cookies and storage go."""

        def new() -> Tab:
            context = self._browser.new_context(
                ignore_https_errors=True,
                permissions=["microphone", "camera"],
                viewport={"width": width, "height": height},
            )
            context.set_default_timeout(15_000)
            return Tab(self, context, context.new_page())

        tab = self.run(new)
        tab.go(url)
        return tab

    def close(self) -> None:
        """End chromium."""
        atexit.unregister(self.close)
        self._jobs.put(None)
        self._thread.join(10)


class Tab:
    """One page; keeps what it writes to the console."""

    def __init__(self, browser: Browser, context: Any, page: Any) -> None:
        self.browser = browser
        self.console: list[str] = []
        self._context = context
        self._page = page
        page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.console.append(f"pageerror: {error}"))

    def go(self, url: str) -> None:
        """Load a page."""
        self.browser.run(lambda: self._page.goto(url))

    def reload(self) -> None:
        """Load it again."""
        self.browser.run(lambda: self._page.reload())

    def evaluate(self, script: str, argument: Any = None) -> Any:
        """What a JavaScript function or expression gives; promises are awaited."""
        return self.browser.run(lambda: self._page.evaluate(script, argument))

    def with_page(self, call: Callable[[Any], T]) -> T:
        """Anything else that playwright's Page can do."""
        return self.browser.run(lambda: call(self._page))

    def click(self, test_id: str) -> None:
        """Click on the element with that data-testid, once it is there and enabled."""
        self.with_page(lambda page: page.get_by_test_id(test_id).first.click())

    def fill(self, test_id: str, text: str) -> None:
        """Write into a field."""
        self.with_page(lambda page: page.get_by_test_id(test_id).first.fill(text))

    def text(self, test_id: str) -> str:
        """What an element says ("" when it is not there)."""

        def read(page: Any) -> str:
            found = page.get_by_test_id(test_id)
            return str(found.first.inner_text()) if found.count() else ""

        return self.with_page(read)

    def visible(self, test_id: str) -> bool:
        """Whether it can be seen."""
        return self.with_page(lambda page: bool(page.get_by_test_id(test_id).first.is_visible()))

    def wait_text(self, test_id: str, wanted: str, seconds: float = 15) -> str:
        """Until the element holds that text (any case)."""
        return poll(
            lambda: found if wanted.lower() in (found := self.text(test_id)).lower() else "",
            seconds,
            lambda: f"{wanted!r} in {test_id}, which says {self.text(test_id)!r}; console {self.console[-5:]}",
        )

    def wait_visible(self, test_id: str, seconds: float = 15) -> None:
        """Until it can be seen."""
        poll(lambda: self.visible(test_id), seconds, lambda: f"{test_id} visible; console {self.console[-5:]}")

    def screenshot(self, path: Path) -> None:
        """A PNG of what is seen."""
        self.with_page(lambda page: page.screenshot(path=str(path)))

    def close(self) -> None:
        """Close page and context: sockets go as when somebody closes the window."""
        self.browser.run(lambda: self._context.close())


_shared: list[Browser] = []


def chromium() -> Browser:
    """The one of this run, started when first asked for."""
    if not _shared:
        _shared.append(Browser())
    return _shared[0]
