"""nginx and haproxy in front of the server, with the configuration files that the how-tos show."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from pathlib import Path

from .processes import Child, Folder, poll, program

ROOT = Path(__file__).parents[2]


def shown(document: str, language: str, changes: Mapping[str, str], number: int = 0) -> str:
    """A block of code of a how-to, with what is another thing in a test changed; each change has to be needed."""
    text = (ROOT / "docs/howto" / document).read_text()
    block = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)[number]
    for old in changes:
        assert old in block, f"{document}: no {old!r} in block {number} of {language}"
    return re.sub("|".join(map(re.escape, changes)), lambda found: changes[found[0]], block)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def nginx(server: str, port: int) -> Child:
    """nginx with that piece of configuration, which lets it listen on ``port``."""
    folder = Folder("nginx")
    paths = "\n".join(
        f"    {kind}_temp_path {folder.path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder.write(
        "nginx.conf",
        f"daemon off;\nmaster_process off;\nerror_log stderr;\npid {folder.path}/nginx.pid;\n"
        f"events {{ }}\nhttp {{\n    access_log off;\n{paths}\n{server}\n}}\n",
    )
    child = Child("nginx", [program("nginx"), "-p", str(folder.path), "-c", str(config)], folder)
    poll(lambda: _listens(port), 10, lambda: f"nginx on port {port}\n{child.output()}")
    return child


def haproxy(text: str, port: int) -> Child:
    """haproxy with that configuration, which lets it listen on ``port``."""
    folder = Folder("haproxy")
    config = folder.write("haproxy.cfg", text)
    child = Child("haproxy", [program("haproxy"), "-db", "-f", str(config)], folder)
    poll(lambda: _listens(port), 10, lambda: f"haproxy on port {port}\n{child.output()}")
    return child
