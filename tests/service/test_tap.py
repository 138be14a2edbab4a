"""The server as twistd makes it."""

from __future__ import annotations

import os
import sys

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.service import Server
from oversip_tw.service.hooks import HooksError, load_hooks, modules_anew
from oversip_tw.tap import Options, makeService


class TapTests(SynchronousTestCase):
    """``twistd oversip``."""

    def made(self, text: str) -> Server:
        path = self.mktemp()
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        options = Options()
        options.parseOptions(["-c", path])
        return makeService(options)

    def test_good(self) -> None:
        """A configuration becomes a server that is not started yet."""
        self.assertEqual("oversip", self.made('domains = ["example.org"]').name)

    def test_another_folder(self) -> None:
        """SIGHUP finds the file again where the process has changed its folder (``twistd --rundir``)."""
        server = self.made('domains = ["example.org"]')
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir("/")
        assert server._reread is not None
        self.assertEqual(("example.org",), server._reread().domains)

    def test_bad(self) -> None:
        """Mistakes end the process, each on a line of its own: what SystemExit says goes to standard error."""
        error = self.assertRaises(SystemExit, self.made, 'domians = ["example.org"]\n[log]\nlevel = "loud"\n')
        lines = str(error.code).split("\n")
        self.assertEqual(2, len(lines))
        for said in ("did you mean domains", "log.level"):
            self.assertEqual(1, len([line for line in lines if said in line]), said)


class LoadHooksTests(SynchronousTestCase):
    def test_python_s_own_modules(self) -> None:
        """A class of the library is no hooks, and its module is not read again with those of the user."""
        self.assertRaises(HooksError, load_hooks, "collections:OrderedDict")
        before = sys.modules["collections"]
        with modules_anew():
            self.assertIs(before, sys.modules.get("collections"))

    def test_many_lines(self) -> None:
        """What a module says while it is loaded is told in one line."""
        with open("hooks_that_fail.py", "w", encoding="utf-8") as file:
            file.write('raise ValueError("boom\\n\\nand more")\n')
        error = self.assertRaises(HooksError, load_hooks, "hooks_that_fail:Hooks")
        said = "cannot load hooks_that_fail:Hooks: ValueError: boom and more (hooks_that_fail.py, line 1)"
        self.assertEqual(said, str(error))
