"""What the core is told of callers, and how often it hears REGISTER."""

from __future__ import annotations

import ssl

from .certificates import authority
from .edge import EdgeCase, World, registers_again, shared_world
from .kamailio import KamailioCore
from .phone import JSSIP, SIPJS
from .processes import poll
from .raw_phone import name, register, request
from .server import User
from .sockets import Socket, Udp, WebSocket

#: what nobody may say of himself
FORGED = {
    "P_Asserted_Identity": "<sip:boss@pbx.test>",
    "P_Preferred_Identity": "<sip:boss@pbx.test>",
    "Remote_Party_ID": "<sip:boss@pbx.test>;party=calling",
}


class Asserted(EdgeCase):
    """P-Asserted-Identity as Kamailio sees it."""

    def socket(self) -> Socket:
        """A WebSocket to the edge."""
        tls = ssl.create_default_context(cafile=str(authority().pem))
        found = WebSocket((self.server.address, self.server.wss_port), tls, "/ws")
        self.addCleanup(found.close)
        return found

    def seen(self, socket: Socket, user: User, domain: str = "") -> dict[str, str]:
        """A MESSAGE with forged headers, as it arrives at the core."""
        call = name()
        sender = f"<{user.uri}>;tag={name()}"
        target = f"sip:desk@{domain or user.domain}"
        socket.send(request("MESSAGE", target, socket, b"", Call_ID=call, From=sender, **FORGED))
        self.assertEqual(407, socket.final().status)
        [seen] = [each for each in self.core.seen("MESSAGE") if each["call"] == call]
        return seen

    def test_since_the_200(self) -> None:
        """Nothing before the core has accepted the REGISTER; then the truth; nothing of what is claimed."""
        socket, user, other = self.socket(), self.core.user(), self.core.user()
        before = self.seen(socket, user)
        self.assertEqual(("<null>", "<null>"), (before["pai"], before["ppi"]))
        self.assertEqual(200, register(socket, user).status)
        after = self.seen(socket, user)
        self.assertEqual((f"<{user.uri}>", "<null>"), (after["pai"], after["ppi"]))
        self.assertEqual("<null>", self.seen(socket, other)["pai"])
        self.assertEqual("<null>", self.seen(self.socket(), user)["pai"])

    def test_until_unregistered(self) -> None:
        """Expires 0 ends it."""
        socket, user = self.socket(), self.core.user()
        contact = f"<sip:{name()}@{name()}.invalid;transport=ws>"
        self.assertEqual(200, register(socket, user, Contact=contact).status)
        self.assertEqual(f"<{user.uri}>", self.seen(socket, user)["pai"])
        self.assertEqual(200, register(socket, user, Contact=f"{contact};expires=0").status)
        self.assertEqual("<null>", self.seen(socket, user)["pai"])

    def test_not_on_udp(self) -> None:
        """A UDP source proves nothing."""
        user = self.core.user()
        socket = Udp((self.server.address, self.server.port))
        self.addCleanup(socket.close)
        self.assertEqual(200, register(socket, user).status)
        self.assertEqual("<null>", self.seen(socket, user)["pai"])

    def test_browsers(self) -> None:
        """A call and a REFER of JsSIP bear it."""
        caller, callee = self.phone(JSSIP), self.phone(SIPJS)
        since = self.core.child.size()
        out, at = self.established(caller, callee)
        self.hung_up(caller, out, callee, at)
        self.assertEqual(f"<{caller.uri}>", self.core.seen("INVITE", since)[0]["pai"])


class Throttled(EdgeCase):
    """`client_expires` and `core_expires`."""

    def setUp(self) -> None:
        """An edge with these options."""
        options = "client_expires = 60\ncore_expires = 600"
        self.between(shared_world(options, lambda: World(KamailioCore(users=4), options)))

    def refreshes(self, library: str) -> None:
        wire, user, other = self.relay(), self.core.user(), self.phone()
        phone = self.phone(library, user, server=self.through(wire), password=user.password).until_registered()
        heard = len(self.core.seen("REGISTER"))
        for _ in range(3):
            registers_again(phone)
        self.assertEqual(heard, len(self.core.seen("REGISTER")))
        [*_, answer] = [text for text in phone.messages("in", "SIP/2.0 200") if " REGISTER" in text]
        self.assertIn("expires=60", answer)
        self.assertRegex(self.core.lookup(user), r"Expires: (5[89]\d|600)\n")
        times = phone.snapshot()["registrations"]
        wire.cut()
        phone.until("disconnects", 1)
        phone.until_registered(times + 1, 15)
        self.assertLess(heard, len(self.core.seen("REGISTER")))
        out, at = self.established(other, phone)
        self.hung_up(other, out, phone, at)
        phone.do("unregister")
        poll(lambda: not self.core.bindings(user), 10, "the end of the binding at the core")

    def test_jssip(self) -> None:
        """The core hears one REGISTER while JsSIP refreshes; another connection and the end it hears at once."""
        self.refreshes(JSSIP)

    def test_sipjs(self) -> None:
        """The same with SIP.js."""
        self.refreshes(SIPJS)
