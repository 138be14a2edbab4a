"""What a registrar does beside calls, with JsSIP: temporary GRUUs, subscriptions to registrations, aliases."""

from __future__ import annotations

import time
from typing import Any

from .case import SystemCase
from .phone import BrowserPhone
from .processes import poll
from .server import Server, User


class TemporaryGruus(SystemCase):
    """JsSIP's anonymous calls."""

    def test_anonymous_call(self) -> None:
        """The callee sees no name, and hangs up by the caller's temporary GRUU."""
        caller, callee = self.phone(), self.phone()
        out: int = caller.do("call", callee.uri, {"anonymous": True})
        at = callee.incoming()
        [invite] = callee.messages("in", "INVITE")
        head = invite.partition("\r\n\r\n")[0]
        self.assertIn("From: \"Anonymous\" <sip:anonymous@anonymous.invalid>", head)
        contact = next(line for line in head.split("\r\n") if line.startswith("Contact"))
        self.assertRegex(contact, r"sip:ovg[A-Za-z0-9_-]{40}@phones\.test;gr")
        self.assertNotIn(caller.user + "@", contact)
        callee.answer(at)
        caller.until_call("established", out)
        callee.until_call("established", at)
        self.media_flows(caller, out, callee, at)
        self.hung_up(callee, at, caller, out)

    def test_reconnection(self) -> None:
        """The caller's connection breaks: what the callee sends by that name finds it on the new one."""
        wire = self.relay()
        caller, callee = self.phone(server=self.through(wire)), self.phone()
        out: int = caller.do("call", callee.uri, {"anonymous": True})
        at = callee.incoming()
        callee.answer(at)
        caller.until_call("established", out)
        wire.cut()
        wire.mend()
        caller.until_registered(2)
        self.hung_up(callee, at, caller, out)


class RegistrationEvents(SystemCase):
    """JsSIP subscribes to its own registrations."""

    def told(self, phone: BrowserPhone) -> list[dict[str, Any]]:
        """What it was told."""
        found: list[dict[str, Any]] = phone.tab.evaluate("() => window.phone.told")
        return found

    def until_told(self, phone: BrowserPhone, number: int, *words: str) -> None:
        """Until the document with that number is there, and holds ``words``."""
        poll(lambda: len(self.told(phone)) >= number, 12, f"{number} documents: {self.told(phone)}")
        for word in words:
            self.assertIn(word, self.told(phone)[number - 1]["body"])

    def test_another_phone(self) -> None:
        """Another phone of the user comes and goes; then it is enough."""
        user = self.server.user()
        watcher = self.phone(user=user)
        watcher.do("watchRegistrations", user.uri)
        self.until_told(watcher, 1, 'state="full"', 'event="registered"')
        other = self.phone(user=user)
        self.until_told(watcher, 2, 'state="partial"', 'event="registered"')
        other.do("unregister")
        self.until_told(watcher, 3, 'state="partial"', 'event="unregistered"')
        watcher.do("watchNoMore")
        self.until_told(watcher, 4, 'state="full"')
        poll(lambda: self.told(watcher)[-1].get("reason") == "timeout", 10, "the end")

    def test_of_somebody_else(self) -> None:
        """Nobody else's."""
        watcher, other = self.phone(), self.phone()
        watcher.do("watchRegistrations", other.uri)
        poll(lambda: self.told(watcher), 10, "a refusal")
        self.assertTrue(watcher.messages("in", "SIP/2.0 403"))


class DomainsAndAliases(SystemCase):
    """Two domains, one with a realm; a further name; somebody for everybody else."""

    def setUp(self) -> None:
        more = (
            '[[domain]]\nname = "other.test"\nrealm = "Other Phones"\ncatch_all = "desk"\n'
            '[[alias]]\nnames = "sales@phones.test"\nuser = "desk@other.test"\n'
        )
        server = Server(more, users=2)
        self.addCleanup(server.stop)
        server.command("user", "add", "desk@other.test", "--password-stdin", stdin="secret\n")
        # a running server looks every second who has been added
        time.sleep(2.5)
        self.use(server)

    def test_calls(self) -> None:
        """JsSIP registers by the other realm, and is reached by alias and as catch-all."""
        desk, caller = self.phone(user=User("desk", "other.test", "secret")), self.phone()
        for target in ("sip:sales@phones.test", "sip:nobody@other.test"):
            out, at = self.established(caller, desk, target=target)
            self.hung_up(caller, out, desk, at)
