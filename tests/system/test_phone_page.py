"""The phone page that the server ships, used as people use it."""

from __future__ import annotations

from typing import Any

from .browser import Tab, chromium
from .case import SystemCase
from .processes import poll, witnesses
from .server import User


class Person:
    """Somebody at the phone page. Calls are counted from 0, as they stand on the page."""

    def __init__(self, tab: Tab, user: User) -> None:
        self.tab, self.user = tab, user
        witnesses.append(self.story)

    @property
    def aor(self) -> str:
        return f"{self.user.name}@{self.user.domain}"

    def log_in(self, password: str = "") -> None:
        """Fill in the form and send it."""
        self.tab.wait_visible("login-form")
        self.tab.fill("login-aor", self.aor)
        self.tab.fill("login-password", password or self.user.password)
        self.tab.click("login-submit")

    def connection(self) -> str:
        """What the head line says of the connection."""
        return self.attribute("connection-state", "data-state")

    def until_connection(self, state: str, seconds: float = 15) -> None:
        """Until it says that."""
        poll(lambda: self.connection() == state, seconds, f"{self.aor} {state}")

    def attribute(self, test_id: str, name: str, call: int | None = None) -> str:
        """An attribute of an element, or of one within a call; "" when it is not there."""

        def read(page: Any) -> str:
            if call is None:
                found = page.get_by_test_id(test_id)
            else:
                calls = page.get_by_test_id("call")
                if calls.count() <= call:
                    return ""
                found = calls.nth(call) if test_id == "call" else calls.nth(call).get_by_test_id(test_id)
            return (found.first.get_attribute(name) or "") if found.count() else ""

        return self.tab.with_page(read)

    def until_call(self, state: str, call: int = 0, seconds: float = 15, name: str = "data-state") -> None:
        """Until an attribute of a call is so."""
        poll(lambda: self.attribute("call", name, call) == state, seconds, f"{self.aor}: call {call} {name} {state}")

    def until_no_call(self, seconds: float = 15) -> None:
        """Until no call is shown any more."""
        poll(lambda: self.tab.with_page(lambda page: page.get_by_test_id("call").count() == 0), seconds, "no call")

    def press(self, test_id: str, call: int = 0) -> None:
        """Click on something within a call."""
        self.tab.with_page(lambda page: page.get_by_test_id("call").nth(call).get_by_test_id(test_id).click())

    def write(self, test_id: str, text: str, call: int = 0) -> None:
        """Write into a field within a call."""
        self.tab.with_page(lambda page: page.get_by_test_id("call").nth(call).get_by_test_id(test_id).fill(text))

    def dial(self, target: str, video: bool = False) -> None:
        """Call somebody."""
        self.tab.fill("dial-target", target)
        self.tab.click("dial-video" if video else "dial-audio")

    def media(self) -> dict[str, int]:
        """Bytes of the newest session by way."""
        script = """async () => {
            const session = window.phone.sessions().at(-1);
            const sums = {sent: 0, received: 0, frames: 0};
            for (const report of (await session.connection.getStats()).values()) {
                if (report.type === "outbound-rtp") sums.sent += report.bytesSent;
                if (report.type === "inbound-rtp") {
                    sums.received += report.bytesReceived;
                    sums.frames += report.framesDecoded || 0;
                }
            }
            return sums;
        }"""
        found: dict[str, int] = self.tab.evaluate(script)
        return found

    def until_media(self, video: bool = False) -> None:
        """Until media go both ways."""
        before = self.media()

        def flows() -> bool:
            now = self.media()
            return all(now[way] > before[way] for way in ("sent", "received", *(("frames",) if video else ())))

        poll(flows, 15, lambda: f"media at {self.aor}: {before} then {self.media()}")

    def story(self) -> str:
        """For the words of a failure."""
        return f"{self.aor}: connection {self.connection()}, console {self.tab.console[-8:]}"

    def leave(self) -> None:
        """Close the window."""
        if self.story in witnesses:
            witnesses.remove(self.story)
            self.tab.close()


def talking(caller: Person, callee: Person, video: bool = False) -> None:
    """The first call of both."""
    caller.dial(callee.aor, video)
    callee.until_call("incoming")
    caller.until_call("ringing")
    callee.press("call-answer-video" if video else "call-answer")
    for person in (caller, callee):
        person.until_call("active")


class PhonePage(SystemCase):
    """Log in, dial, answer, hold, DTMF, transfer, chat, log out."""

    def person(self, width: int = 1100, height: int = 800, log_in: bool = True) -> Person:
        person = Person(chromium().open(self.server.page, width, height), self.server.user())
        self.addCleanup(person.leave)
        if log_in:
            person.log_in()
            person.until_connection("registered")
        return person

    def test_log_in_and_out(self) -> None:
        """Two steps in, one out."""
        person = self.person()
        self.assertEqual(person.aor, person.tab.text("account-aor").removeprefix("sip:"))
        person.tab.click("logout")
        person.tab.wait_visible("login-form")

    def test_wrong_password(self) -> None:
        """A readable word about it, and the form is there to try again."""
        person = self.person(log_in=False)
        person.log_in("wrong")
        poll(lambda: person.tab.text("login-error") or person.connection() == "refused", 15, "a refusal")
        self.assertNotEqual("registered", person.connection())

    def test_call(self) -> None:
        """Audio both ways, mute, hold, DTMF, hang up; the log has it."""
        one, other = self.person(), self.person()
        talking(one, other)
        self.assertEqual(other.aor, one.attribute("call", "data-peer", 0))
        one.until_media()
        other.until_media()
        one.press("call-mute")
        one.until_call("true", name="data-muted")
        one.press("call-mute")
        one.press("call-hold")
        one.until_call("local", name="data-held")
        other.until_call("remote", name="data-held")
        one.press("call-hold")
        other.until_call("none", name="data-held")
        one.press("call-keypad")
        one.press("dtmf-5")
        other.press("call-hangup")
        one.until_call("ended")
        for person, outcome in ((one, "out"), (other, "in")):
            poll(
                lambda: person.attribute("history-entry", "data-direction") == outcome,  # noqa: B023
                10,
                f"{person.aor}'s call log",
            )
            self.assertEqual("answered", person.attribute("history-entry", "data-outcome"))

    def test_video_call(self) -> None:
        """Pictures both ways."""
        one, other = self.person(), self.person()
        talking(one, other, video=True)
        one.until_media(video=True)
        other.until_media(video=True)
        one.press("call-hangup")
        other.until_call("ended")

    def test_reject_and_cancel(self) -> None:
        """The callee declines; the caller gives up."""
        one, other = self.person(), self.person()
        one.dial(other.aor)
        other.until_call("incoming")
        other.press("call-reject")
        one.until_call("ended")
        one.until_no_call()
        other.until_no_call()
        one.dial(other.aor)
        other.until_call("incoming")
        one.until_call("ringing")
        one.press("call-hangup")
        other.until_call("ended")

    def test_unknown_user(self) -> None:
        """A readable word for somebody who does not exist."""
        one = self.person()
        one.dial("nobody")
        one.until_call("ended")
        self.assertTrue(one.attribute("call", "data-cause", 0))

    def test_blind_transfer(self) -> None:
        """One hands the other over to a third."""
        one, other, third = self.person(), self.person(), self.person()
        talking(one, other)
        one.press("call-transfer")
        one.write("transfer-target", third.aor)
        one.press("transfer-blind")
        third.until_call("incoming")
        third.press("call-answer")
        third.until_call("active")
        third.until_media()
        one.until_no_call()
        self.assertEqual(other.aor, third.attribute("call", "data-peer", 0))

    def test_attended_transfer(self) -> None:
        """One asks a third first, then joins the two."""
        one, other, third = self.person(), self.person(), self.person()
        talking(one, other)
        one.press("call-transfer")
        one.write("transfer-target", third.aor)
        one.press("transfer-attended")
        third.until_call("incoming")
        third.press("call-answer")
        third.until_call("active")
        poll(lambda: one.tab.visible("transfer-complete"), 15, "the button that joins")
        one.tab.click("transfer-complete")
        one.until_no_call(20)
        poll(
            lambda: other.aor in (third.attribute("call", "data-peer", 0), third.attribute("call", "data-peer", 1)),
            15,
            "the third talks to the other",
        )

    def test_chat(self) -> None:
        """A message and its answer."""
        one, other = self.person(), self.person()
        for sender, receiver, text in ((one, other, "Hello 你好"), (other, one, "Grüße")):
            sender.tab.with_page(lambda page: page.get_by_test_id("tab-chat").click())
            sender.tab.fill("chat-peer", receiver.aor)
            sender.tab.fill("chat-text", text)
            sender.tab.click("chat-send")
            poll(
                lambda: text in receiver.tab.with_page(lambda page: page.inner_html("body")),  # noqa: B023
                10,
                f"{text} at {receiver.aor}",
            )

    def test_reload(self) -> None:
        """A reload keeps the instance and logs in again: one binding, one ring."""
        person, caller = self.person(), self.person()
        instance = person.tab.evaluate("() => window.phone.instanceId")
        person.tab.reload()
        poll(lambda: person.connection() == "registered" or person.tab.visible("login-form"), 15, "the page again")
        if person.tab.visible("login-form"):
            person.log_in()
        person.until_connection("registered")
        self.assertEqual(instance, person.tab.evaluate("() => window.phone.instanceId"))
        talking(caller, person)
        caller.press("call-hangup")
        person.until_call("ended")

    def test_reload_in_a_call(self) -> None:
        """The call ends with the page, at either side: nobody sits in it alone. So does one that is under way."""
        person, other = self.person(), self.person()
        for mine in (True, False):
            talking(*((person, other) if mine else (other, person)))
            person.tab.reload()
            other.until_call("ended")
            person.until_connection("registered")
            other.until_no_call()
        person.dial(other.aor)
        other.until_call("incoming")
        person.tab.reload()
        other.until_call("ended")

    def test_reload_while_it_rings(self) -> None:
        """The page is loaded anew while somebody calls: it rings again, and can be answered."""
        person, caller = self.person(), self.person()
        caller.dial(person.aor)
        person.until_call("incoming")
        person.tab.reload()
        person.until_connection("registered")
        person.until_call("incoming")
        self.assertEqual("ringing", caller.attribute("call", "data-state", 0))
        person.press("call-answer")
        for each in (person, caller):
            each.until_call("active")
        caller.press("call-hangup")
        person.until_call("ended")

    def test_connection_lost_while_it_rings(self) -> None:
        """What rang can not be answered any more and goes; the call rings again as soon as the page is back."""
        wire = self.relay(self.server.page_port)
        person = Person(chromium().open(f"https://127.0.0.1:{wire.port}/"), self.server.user())
        self.addCleanup(person.leave)
        person.log_in()
        person.until_connection("registered")
        caller = self.person()
        caller.dial(person.aor)
        person.until_call("incoming")
        wire.cut(refuse=True)
        person.until_call("ended")
        wire.mend()
        person.until_connection("registered")
        poll(lambda: "incoming" in [person.attribute("call", "data-state", at) for at in (0, 1)], 10, "a call")
        caller.press("call-hangup")
        person.until_no_call()

    def test_small_screen(self) -> None:
        """On 360 px nothing is clipped, neither at rest nor in a call."""
        one, other = self.person(360, 640), self.person()
        wide = "() => document.documentElement.scrollWidth"
        self.assertLessEqual(one.tab.evaluate(wide), 360)
        talking(other, one)
        one.press("call-keypad")
        self.assertLessEqual(one.tab.evaluate(wide), 360)
        clipped = """() => [...document.querySelectorAll("button, input, h1, h2, p, span")].filter((each) => {
            const box = each.getBoundingClientRect();
            return box.width && box.height && (box.right > 361 || box.left < -1);
        }).map((each) => each.outerHTML.slice(0, 120))"""
        self.assertEqual([], one.tab.evaluate(clipped))
        other.press("call-hangup")
