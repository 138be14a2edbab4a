"""The test page: bundled once a run by esbuild, served on loopback (a secure context, so media work)."""

from __future__ import annotations

import functools
import http.server
import os
import subprocess
import threading
from functools import cache
from pathlib import Path

from .processes import program

HERE = Path(__file__).parent / "page"


def build() -> None:
    """Install what package-lock.json says if that changed, and bundle the two libraries."""
    npm = program("npm")
    program("node")
    lock = HERE / "package-lock.json"
    installed = HERE / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        _run([npm, "ci", "--no-audit", "--no-fund"])
        os.utime(installed)
    bundle = HERE / "bundle" / "phone.js"
    newest = max(path.stat().st_mtime for path in (*HERE.glob("src/*.js"), installed))
    if not bundle.exists() or bundle.stat().st_mtime < newest:
        _run([npm, "run", "build"])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@cache
def page_url() -> str:
    """Where the test page stands; starts a web server when first asked."""
    build()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(HERE)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="page server", daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}/index.html"
