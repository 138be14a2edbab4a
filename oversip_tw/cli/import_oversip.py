"""``oversip import-oversip``: OverSIP's configuration becomes ours."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from oversip_tw import config
from oversip_tw.cli.failure import Failure
from oversip_tw.migration import Refused, Translation, translate


def import_oversip(folder: str, output: str | None, core: Sequence[str]) -> int:
    """Write the translation to the new file ``output``, or to standard output; what is not in it to standard error.

    With a mistake in OverSIP's files nothing is written, and the exit status is 1. Raises Failure.
    """
    # os.path's do not raise where we may not look, or a name is too long
    if not os.path.isdir(folder):
        raise Failure(f"{folder} is no folder: name the one that holds oversip.conf and proxies.conf")
    if output is not None and os.path.lexists(output):
        raise Failure(f"{output} exists; name a new file")
    try:
        made = translate(Path(folder), core)
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    _check(made)
    if output is not None:
        _write(output, made.text)
        print(f"{output}: written; next: oversip check {output}")
    else:
        print(made.text, end="")
    for note in made.notes:
        print(note, file=sys.stderr)
    return 0


def _check(made: Translation) -> None:
    """Two listeners on one port, or a core that is none: what only our own rules find. Raises Failure."""
    try:
        config.loads(made.text)
    except config.ConfigError as error:
        raise Failure("\noversip: ".join(_said(mistake) for mistake in error.mistakes)) from None


def _said(mistake: config.Mistake) -> str:
    name = "--core" if mistake.path.startswith("edge.core") else mistake.path
    return f"{name}: {mistake.text}" if name else mistake.text


def _write(output: str, text: str) -> None:
    try:
        with open(output, "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise Failure(f"cannot write {output}: {error.strerror}") from None
