"""Hooks and the life of the process: initialise, start, SIGUSR1, stop."""

from __future__ import annotations

import signal

from twisted.internet.defer import Deferred, ensureDeferred

from oversip_tw.hooks import Hooks
from oversip_tw.service import Server, StartUpError
from tests.service.rewriting import UDP, Rewriting

LIFE = """
from twisted.internet import reactor
from twisted.internet.task import deferLater

class Mine(Hooks):
    def __init__(self):
        self.said = []

    async def on_initialise(self):
        self.said.append(f"initialise {self.core.settings.domains[0]}")

    def on_start(self, core):
        self.said.append("start")

    def on_user_reload(self):
        self.said.append("user reload")

    async def on_stop(self):
        self.said.append("stop")
        await deferLater(reactor, 0.01)
        self.said.append("stopped")
"""

REFUSING = """
class Mine(Hooks):
    def on_initialise(self):
        raise RuntimeError("no database at db.example")
"""


class LifeTests(Rewriting):
    """The events that are no requests."""

    async def _life(self) -> None:
        self.write(hooks=LIFE)
        server = self.start()
        hooks = server.parts.hooks
        await self.signal(signal.SIGUSR1)
        await server.stopService()
        self.assertEqual(["initialise example.org", "start", "user reload", "stop", "stopped"], hooks.said)  # type: ignore[attr-defined]

    def test_life(self) -> Deferred[None]:
        """Each is called once, in this order; `core` is there from the first on. The end waits for the last."""
        return ensureDeferred(self._life())

    async def _handed_over(self) -> None:
        self.write(f'hooks = "no_such_module:Hooks"\n{UDP}')
        said = []

        class Mine(Hooks):
            def on_initialise(self) -> None:
                said.append("initialise")

            def on_start(self, core: object) -> None:
                said.append("start")

            def on_stop(self) -> None:
                said.append("stop")

        mine = Mine()
        server = self.start(mine)
        self.assertEqual("info", (await self.hang_up())[0])
        self.assertIs(mine, server.parts.element.hooking.hooks)
        await server.stopService()
        self.assertEqual(["initialise", "start", "stop"], said)

    def test_handed_over(self) -> Deferred[None]:
        """A program around the server hands over an object; it is used as the class would be, and outlives SIGHUP."""
        return ensureDeferred(self._handed_over())

    async def _user_reload_raises(self) -> None:
        self.write(hooks="class Mine(Hooks):\n    def on_user_reload(self):\n        1 / 0\n")
        server = self.start()
        lines: list[str] = []
        server.parts.element.hooking._log.error = lambda format, **fields: lines.append(format)  # type: ignore[method-assign]
        await self.signal(signal.SIGUSR1)
        self.assertEqual(1, len(lines))
        self.assertTrue(server.running)

    def test_user_reload_raises(self) -> Deferred[None]:
        """It is logged, and the server goes on."""
        return ensureDeferred(self._user_reload_raises())

    async def _stop_raises(self) -> None:
        self.write(hooks="class Mine(Hooks):\n    def on_stop(self):\n        1 / 0\n")
        server = self.start()
        lines: list[str] = []
        server.parts.element.hooking._log.error = lambda format, **fields: lines.append(format)  # type: ignore[method-assign]
        await server.stopService()
        self.assertEqual(1, len(lines))
        self.assertFalse(server.parts.listeners.bound)

    def test_stop_raises(self) -> Deferred[None]:
        """It is logged, and the server ends in order."""
        return ensureDeferred(self._stop_raises())

    def test_initialise_raises(self) -> None:
        """The start ends with one line that says what and where, and leaves nothing open."""
        self.write(hooks=REFUSING)
        with self.assertRaises(StartUpError) as raised:
            self.start()
        said = "Mine.on_initialise: RuntimeError: no database at db.example (my_hooks.py, line 5)"
        self.assertEqual(said, str(raised.exception))

    def test_initialise_waits(self) -> None:
        """So it does where that waits for something: nothing can come before the reactor runs."""
        text = "class Mine(Hooks):\n    async def on_initialise(self):\n        await Promise()\n"
        self.write(hooks=f"from oversip_tw.promise import Promise\n{text}")
        with self.assertRaises(StartUpError) as raised:
            self.start()
        said = "Mine.on_initialise waits for what is not there yet; begin that in on_start"
        self.assertEqual(said, str(raised.exception))

    def test_no_such_module(self) -> None:
        """The place that is told is one in the user's code, or none."""
        self.write(hooks="import no_such_module\n")
        with self.assertRaises(StartUpError) as raised:
            self.start()
        words = "ModuleNotFoundError: No module named 'no_such_module'"
        self.assertEqual(f"cannot load my_hooks:Mine: {words} (my_hooks.py, line 2)", str(raised.exception))
        (self.folder / "my_hooks.py").unlink()
        with self.assertRaises(StartUpError) as raised:
            self.start()
        self.assertEqual(
            "cannot load my_hooks:Mine: ModuleNotFoundError: No module named 'my_hooks'", str(raised.exception)
        )

    def test_syntax_error(self) -> None:
        """So it does for a file that is no Python."""
        self.write(hooks="class Mine(Hooks:\n")
        with self.assertRaises(StartUpError) as raised:
            self.start()
        self.assertIn("cannot load my_hooks:Mine: SyntaxError: ", str(raised.exception))
        self.assertIn("(my_hooks.py, line 2)", str(raised.exception))

    def test_edge_logic_without_an_edge(self) -> None:
        """The logic of an edge needs one: said at the start."""
        self.write(UDP, "from oversip_tw.logic import EdgeLogic\nclass Mine(EdgeLogic):\n    pass\n")
        with self.assertRaises(StartUpError) as raised:
            self.start()
        self.assertIn("needs an [edge] section", str(raised.exception))

    def test_logic_of_an_edge(self) -> None:
        """With one its logic is used, and knows it."""
        text = f'{UDP}[edge]\ncore = "sip:127.0.0.1:5099"\nprobe = 0\n'
        self.write(text, "from oversip_tw.logic import EdgeLogic\nclass Mine(EdgeLogic):\n    pass\n")
        server: Server = self.start()
        logic = server.parts.element.logic
        assert logic is not None
        self.assertIs(server.parts.hooks.edge, logic.edge)
