"""SIGHUP: all of what can change changes, or nothing; flows and calls stay."""

from __future__ import annotations

from twisted.internet.defer import Deferred, ensureDeferred

from oversip_tw.service import Server
from oversip_tw.sip.message import Request
from tests.service.rewriting import HEAD, UDP, Party, Rewriting, port

ADDING = """
class Mine(Hooks):
    name = "%s"

    def on_initialise(self):
        if self.name == "wrong":
            raise ValueError("not today")

    def on_request(self, arrival):
        arrival.request.set("X-Name", self.name)
"""

DONE = ("info", "configuration and certificates read again")


def request(method: str, phone: Party, uri: str = "sip:desk@example.org", **headers: str) -> Request:
    """What ``phone`` sends."""
    lines = {
        "Via": f"SIP/2.0/UDP 127.0.0.1:{phone.number};branch=z9hG4bK{method}{headers.get('CSeq', '1')[0]};rport",
        "Max-Forwards": "70",
        "From": "<sip:alice@example.org>;tag=1",
        "To": f"<{uri}>",
        "Contact": f"<sip:alice@127.0.0.1:{phone.number}>",
        "Call-ID": "one",
        "CSeq": f"1 {method}",
    } | headers
    return Request.build(method, uri, list(lines.items()))


class EdgeReloadTests(Rewriting):
    """An edge with a phone in front of it and two cores behind."""

    def setUp(self) -> None:
        super().setUp()
        self.phone, self.first, self.second = self.party(), self.party(), self.party()

    def edge(self, core: Party, more: str = "", hooks: str = "") -> None:
        """Write files: that is the core."""
        text = f'{UDP}[edge]\ncore = "sip:127.0.0.1:{core.number}"\nprobe = 0\n{more}'
        self.write(text, ADDING % hooks if hooks else "")

    async def message(self, server: Server, number: int, core: Party) -> Request:
        """A MESSAGE of the phone, as ``core`` gets it and accepts it."""
        headers = {"Call-ID": f"m{number}", "CSeq": f"{number} MESSAGE"}
        self.phone.sends(request("MESSAGE", self.phone, **headers), port(server))
        arrived = await core.request()
        core.sends(arrived.response(200, to_tag="c"), port(server))
        answer = await self.phone.response()
        self.assertEqual((200, number), (answer.status, answer.cseq))
        return arrived

    async def _core(self) -> None:
        self.edge(self.first)
        server = self.start()
        invite = request("INVITE", self.phone)
        self.phone.sends(invite, port(server))
        arrived = await self.first.request()
        routes = [("Record-Route", route) for route in arrived.get_all("Record-Route")]
        contact = ("Contact", f"<sip:desk@127.0.0.1:{self.first.number}>")
        self.first.sends(arrived.response(200, to_tag="desk", headers=[*routes, contact]), port(server))
        accepted = await self.phone.response()

        self.edge(self.second)
        self.assertEqual(DONE, await self.hang_up())
        await self.message(server, 2, self.second)
        bye = request(
            "BYE", self.phone, f"sip:desk@127.0.0.1:{self.first.number}", To=accepted.get("To") or "", CSeq="3 BYE"
        )
        for route in reversed(accepted.values("Record-Route")):
            bye.append("Route", route)
        self.phone.sends(bye, port(server))
        arrived = await self.first.request()
        self.assertEqual("BYE", arrived.method)
        self.first.sends(arrived.response(200), port(server))
        self.assertEqual(200, (await self.phone.response()).status)

    def test_core(self) -> Deferred[None]:
        """Another core is used at once for what is new; the call that runs ends at the old one."""
        return ensureDeferred(self._core())

    async def _hooks(self) -> None:
        self.edge(self.first, hooks="old")
        server = self.start()
        self.assertEqual("old", (await self.message(server, 1, self.first)).get("X-Name"))
        self.edge(self.second, hooks="new")
        self.assertEqual(DONE, await self.hang_up())
        self.assertEqual("new", (await self.message(server, 2, self.second)).get("X-Name"))

    def test_hooks(self) -> Deferred[None]:
        """Their module is read again."""
        return ensureDeferred(self._hooks())

    async def _nothing_changes(self) -> None:
        """Whatever is wrong in one file, the other is not taken over either."""
        self.edge(self.first, hooks="old")
        server = self.start()
        files = self.folder / "my_hooks.py", self.folder / "oversip.toml"
        wrong = [
            (lambda: files[0].write_text("class Mine(Hooks):\n\n    def on_request(self arrival):\n"), "line 3"),
            (lambda: files[0].write_text("raise OSError('no such table')\n"), "no such table (my_hooks.py, line 1)"),
            (lambda: self.edge(self.second, hooks="wrong"), "Mine.on_initialise: ValueError: not today"),
            (lambda: self.edge(self.second, "[[profile\n", hooks="new"), "line"),
            (lambda: self.edge(self.second, 'profile = "nobody"\n', hooks="new"), "nobody"),
            (lambda: self.edge(self.second, '[[profile]]\nname = "core"\ntimer_b = 0\n', hooks="new"), "timer_b"),
            (lambda: self.edge(self.second, 'return = "mail"\n', hooks="new"), "edge.return"),
        ]
        for number, (spoil, words) in enumerate(wrong, 1):
            self.edge(self.second, hooks="new")
            spoil()
            level, line = await self.hang_up()
            self.assertEqual("error", level)
            self.assertIn("nothing was changed", line)
            self.assertIn(words, line)
            self.assertEqual("old", (await self.message(server, number, self.first)).get("X-Name"), line)
        self.edge(self.second, hooks="new")
        self.assertEqual(DONE, await self.hang_up())
        self.assertEqual("new", (await self.message(server, 9, self.second)).get("X-Name"))

    def test_nothing_changes(self) -> Deferred[None]:
        """A mistake in hooks, TOML, profiles or the edge is logged with its place; the old set stays, whole."""
        return ensureDeferred(self._nothing_changes())

    async def _half(self) -> None:
        source = "NAME = %s\nimport my_tables\n" + (ADDING % "").replace("self.name)", "NAME + my_tables.NAME)")
        tables = self.folder / "my_tables.py"
        tables.write_text("NAME = 'old'\n")
        self.edge(self.first)
        self.write((self.folder / "oversip.toml").read_text().removeprefix(HEAD), source % "'old '")
        server = self.start()
        tables.write_text("NAME = 'new'\n")
        for number, spoilt in enumerate(("1 / 0\n", "Mine.name = 'wrong'\n"), 1):
            text = source % "'new '" + spoilt
            (self.folder / "my_hooks.py").write_text(f"from oversip_tw.hooks import *\n{text}")
            self.assertEqual("error", (await self.hang_up())[0])
            self.assertEqual("old old", (await self.message(server, number, self.first)).get("X-Name"))
        (self.folder / "my_hooks.py").write_text(f"from oversip_tw.hooks import *\n{source}" % "'new '")
        self.assertEqual(DONE, await self.hang_up())
        self.assertEqual("new new", (await self.message(server, 9, self.first)).get("X-Name"))

    def test_half(self) -> Deferred[None]:
        """A module that fails at its end leaves nothing of itself; with it, what lies beside it is read again."""
        return ensureDeferred(self._half())

    async def _awaiting(self) -> None:
        self.edge(self.first, hooks="old")
        server = self.start()
        waiting = "class Mine(Hooks):\n    async def on_initialise(self):\n        await Promise()\n"
        self.write(hooks=f"from oversip_tw.promise import Promise\n{waiting}")
        level, line = await self.hang_up()
        self.assertEqual("error", level)
        self.assertIn("Mine.on_initialise waits for what is not there yet", line)
        await self.message(server, 1, self.first)

    def test_awaiting(self) -> Deferred[None]:
        """What could not be started cannot be reloaded either."""
        return ensureDeferred(self._awaiting())

    async def _waiting(self) -> None:
        self.edge(self.first)
        server = self.start()
        self.write(f"{UDP}[timers]\ndrain = 3\n")
        await self.hang_up()
        self.assertIn(("warn", "edge: what has changed there waits for the next start"), self.log.lines)
        self.assertIn(("warn", "timers: what has changed there waits for the next start"), self.log.lines)
        await self.message(server, 1, self.first)

    def test_waiting(self) -> Deferred[None]:
        """What cannot change while the server runs is named: an edge that is not one any more, timers."""
        return ensureDeferred(self._waiting())
