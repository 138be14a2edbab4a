"""A browser phone that a test scripts: JsSIP or SIP.js in a tab of its own."""

from __future__ import annotations

from typing import Any

from .browser import Tab, chromium
from .page_server import page_url
from .processes import poll, witnesses

#: the two libraries, by the names the page knows
JSSIP, SIPJS = "jssip", "sipjs"


class BrowserPhone:
    """One user in one browser. Calls are numbered in the order in which they began, both directions together."""

    def __init__(self, library: str, uri: str, password: str, server: str, **options: Any) -> None:
        self.library = library
        self.uri = uri
        self.user = uri.removeprefix("sip:").partition("@")[0]
        self.tab: Tab = chromium().open(page_url())
        settings = {"library": library, "uri": uri, "password": password, "server": server, **options}
        witnesses.append(self.story)
        self.tab.evaluate("(options) => window.makePhone(options)", settings)

    # what it knows

    def snapshot(self) -> dict[str, Any]:
        """All it knows of itself."""
        found: dict[str, Any] = self.tab.evaluate("() => window.phone.snapshot()")
        return found

    def state(self, call: int) -> str:
        """calling, ringing, incoming, established, ended; "" when there is no such call."""
        calls = self.snapshot()["calls"]
        return calls[call]["state"] if call < len(calls) else ""

    def info(self, call: int) -> dict[str, Any]:
        """Everything about one call."""
        found: dict[str, Any] = self.snapshot()["calls"][call]
        return found

    def stats(self, call: int) -> dict[str, Any]:
        """Bytes by kind of media and way, ICE and DTLS states, as getStats has them."""
        found: dict[str, Any] = self.tab.evaluate("(call) => window.phone.stats(call)", call)
        return found

    def wire(self) -> list[list[Any]]:
        """All SIP messages of this page: [seconds, "in" or "out", text]."""
        found: list[list[Any]] = self.tab.evaluate("() => window.wire")
        return found

    def messages(self, way: str, begin: str) -> list[str]:
        """The messages of one way whose first line begins so."""
        return [text for _, each, text in self.wire() if each == way and text.startswith(begin)]

    def story(self) -> str:
        """First lines of all messages and the state, for the words of a failure."""
        lines = "\n".join(f"  {at:7.2f} {way:5} {self._outline(text)}" for at, way, text in self.wire())
        return f"{self.user} ({self.library}):\n{lines}\n  {self.snapshot()}\n  console: {self.tab.console[-5:]}"

    @staticmethod
    def _outline(text: str) -> str:
        lines = text.split("\r\n")
        cseq = next((line for line in lines if line.startswith("CSeq")), "")
        return f"{lines[0]}  {cseq}"

    # what is waited for

    def until(self, key: str, wanted: Any, seconds: float = 10) -> None:
        """Until a field of the snapshot has that value."""
        poll(lambda: self.snapshot()[key] == wanted, seconds, f"{self.user}: {key} = {wanted!r}")

    def until_registered(self, times: int = 1, seconds: float = 10) -> BrowserPhone:
        """Until ``times`` REGISTERs were accepted and it stands registered."""
        poll(
            lambda: (now := self.snapshot())["registered"] and now["registrations"] >= times,
            seconds,
            f"{self.user} registered {times} times",
        )
        return self

    def until_call(self, state: str, call: int = 0, seconds: float = 10) -> int:
        """Until that call is in that state."""
        poll(lambda: self.state(call) == state, seconds, f"{self.user}: call {call} {state}")
        return call

    def incoming(self, seconds: float = 10) -> int:
        """Until somebody calls; the number of that call."""

        def look() -> list[int]:
            return [each["index"] for each in self.snapshot()["calls"] if each["state"] == "incoming"]

        return poll(look, seconds, f"a call for {self.user}")[0]

    def until_info(self, call: int, key: str, wanted: Any, seconds: float = 10) -> None:
        """Until a field of a call has that value."""
        poll(lambda: self.info(call)[key] == wanted, seconds, f"{self.user}: call {call} {key} = {wanted!r}")

    # what it does

    def do(self, method: str, *arguments: Any) -> Any:
        """A method of the page's phone."""
        return self.tab.evaluate(
            "([method, args]) => Promise.resolve(window.phone[method](...args))", [method, list(arguments)]
        )

    def call(self, target: str, video: bool = False) -> int:
        """Place a call; its number."""
        index: int = self.do("call", target, {"video": video})
        return index

    def answer(self, call: int = 0, video: bool = False) -> None:
        """Answer a call that comes in."""
        self.do("answer", call, {"video": video})

    def close(self) -> None:
        """Close the window."""
        if self.story in witnesses:
            witnesses.remove(self.story)
            self.tab.close()
