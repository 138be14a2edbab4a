"""What callgrind saw, function by function: those of ours, with all that they call."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

_LINE = re.compile(r"^ *([0-9,]+) \( *[0-9.]+%\)  (\S*):(\w+)", re.MULTILINE)
#: what mypyc calls a function of a module
_COMPILED = "CPyDef_"


def costly(file: Path, units: int, least: float = 400) -> list[tuple[float, str]]:
    """Instructions per unit and name, for compiled functions and our C that take ``least`` or more, most first.

    Of the pure build there is nothing: valgrind sees the interpreter alone.
    """
    command = ["callgrind_annotate", "--inclusive=yes", "--threshold=100", str(file)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, float] = {}
    for count, place, name in _LINE.findall(text):
        if name.startswith(_COMPILED) or "oversip_tw/" in place:
            cost = int(count.replace(",", "")) / units
            found[name] = max(cost, found.get(name, 0))
    listed = [(cost, name.removeprefix(_COMPILED).replace("___", ".")) for name, cost in found.items() if cost >= least]
    return sorted(listed, reverse=True)
