"""The command line without a process: what is typed, and what comes back."""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path

from oversip_tw.cli import main


class Terminal:
    """A folder with a configuration, and commands that are carried out there."""

    def __init__(self, folder: str, text: str = 'domains = ["example.org", "example.net"]\n') -> None:
        self.folder = Path(folder)
        self.folder.mkdir()
        self.file = self.folder / "oversip.toml"
        self.file.write_text(f'state_dir = "state"\n{text}')
        self.out = ""
        self.err = ""

    def type(self, *words: str, stdin: str = "") -> int:
        """Carry out ``oversip WORDS``; the exit status. `out` and `err` are what it said."""
        out, err = io.StringIO(), io.StringIO()
        before, sys.stdin = sys.stdin, io.StringIO(stdin)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    return main(words)
                except SystemExit as left:
                    return int(left.code or 0)
        finally:
            sys.stdin = before
            self.out, self.err = out.getvalue(), err.getvalue()

    def user(self, command: str, *words: str, stdin: str = "") -> int:
        """``oversip user COMMAND WORDS -c FILE``."""
        return self.type("user", command, *words, "-c", str(self.file), stdin=stdin)
