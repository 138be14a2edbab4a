"""Browsers register over secure WebSocket."""

from __future__ import annotations

from .case import SystemCase
from .phone import JSSIP, SIPJS, BrowserPhone
from .processes import poll


class Registration(SystemCase):
    """REGISTER from JsSIP and SIP.js."""

    def registers(self, library: str) -> None:
        phone = self.phone(library)
        self.assertEqual(1, phone.snapshot()["registrations"])
        answers = phone.messages("in", "SIP/2.0 ")
        self.assertEqual(["401", "200"], [answer.split(" ")[1] for answer in answers])

    def test_jssip(self) -> None:
        """JsSIP is challenged once and accepted."""
        self.registers(JSSIP)

    def test_sipjs(self) -> None:
        """SIP.js is challenged once and accepted."""
        self.registers(SIPJS)

    def test_plain_websocket(self) -> None:
        """The same without TLS."""
        self.phone(JSSIP, server=self.server.ws)

    def refused(self, library: str) -> None:
        user = self.server.user()
        phone = self.phone(library, user, password="wrong")
        poll(lambda: phone.snapshot()["registration"]["status"] == 401, 10, "REGISTER refused with 401")
        self.assertFalse(phone.snapshot()["registered"])
        self.assertTrue(phone.snapshot()["connected"], "a wrong password does not cost the connection")

    def test_wrong_password_jssip(self) -> None:
        """JsSIP with a wrong password hears 401, and no more."""
        self.refused(JSSIP)

    def test_wrong_password_sipjs(self) -> None:
        """SIP.js with a wrong password hears 401, and no more."""
        self.refused(SIPJS)

    def unregisters(self, library: str) -> None:
        phone, other = self.phone(library), self.phone(JSSIP)
        phone.do("unregister")
        phone.until("registered", False)
        call = other.call(phone.uri)
        other.until_call("ended", call)
        self.assertEqual(480, other.info(call)["status"])

    def test_unregister_jssip(self) -> None:
        """After unregistering JsSIP cannot be called any more."""
        self.unregisters(JSSIP)

    def test_unregister_sipjs(self) -> None:
        """After unregistering SIP.js cannot be called any more."""
        self.unregisters(SIPJS)

    def test_closed_window(self) -> None:
        """Who closes the window is absent within seconds."""
        phone, other = self.phone(), self.phone()
        phone.close()
        calls: list[int] = []

        def absent() -> bool:
            calls.append(other.call(phone.uri))
            other.until_call("ended", calls[-1])
            return bool(other.info(calls[-1])["status"] == 480)

        poll(absent, 5, "480 for a user whose window is closed", interval=0.5)

    def test_reload_replaces(self) -> None:
        """A browser that comes back with the same instance and reg-id has one binding: it rings once."""
        user = self.server.user()
        instance = {"instance_id": "8f1fa16a-1165-4a96-8341-785b1ef24f12"}
        old = self.phone(JSSIP, user, jssip=instance)
        new = self.phone(JSSIP, user, jssip=instance)
        caller = self.phone()
        call = caller.call(f"sip:{user.name}@{user.domain}")
        new.incoming()
        self.assertEqual([], old.snapshot()["calls"])
        caller.do("hangup", call)
        new.until_call("ended")

    def test_users_beside_the_running_server(self) -> None:
        """`oversip user add`, `passwd` and `remove` take effect within seconds, again and again; others stay."""
        settled = self.phone(SIPJS)
        for number in range(3):
            name = f"new{number}@{self.server.domain}"
            self.server.command("user", "add", name, "--password-stdin", stdin="first")
            self.until_accepted(name, "first", True)
            self.server.command("user", "passwd", name, "--password-stdin", stdin="second")
            self.until_accepted(name, "first", False)
            self.until_accepted(name, "second", True)
        self.server.command("user", "remove", name)
        self.until_accepted(name, "second", False)
        self.assertNotIn(name, self.server.command("user", "list"))
        settled.do("register")
        settled.until_registered(2)

    def until_accepted(self, name: str, password: str, wanted: bool) -> None:
        """REGISTER until it is accepted, or refused."""

        def asked() -> bool:
            phone = BrowserPhone(JSSIP, f"sip:{name}", password, self.server.wss)
            try:
                poll(lambda: phone.snapshot()["registration"]["status"], 10, f"an answer for {name}")
                return bool(phone.snapshot()["registered"]) == wanted
            finally:
                phone.close()

        poll(asked, 10, f"{name} accepted: {wanted}", interval=0.3)

    def test_registration_is_refreshed(self) -> None:
        """A binding of a minute is refreshed by the browser before it ends, without a word of the user."""
        phone = self.phone(SIPJS, expires=60, registerer={"refreshFrequency": 50})
        self.assertIn("expires=60", phone.messages("in", "SIP/2.0 200")[0])
