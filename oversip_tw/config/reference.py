"""The configuration's own documents, made from its classes: ``python -m oversip_tw.config.reference`` writes them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

import attrs

from oversip_tw.config.reading import key_of, kind_of, section_class
from oversip_tw.config.sections import Config

DOCUMENT = "docs/reference/configuration.md"
SAMPLE = "etc/oversip.toml"

_HEAD = """\
# Configuration

Made from the code by `make reference`; change it there.

The configuration is one TOML file, given with `-c FILE`. Everything has a default: with no file at all the server's
domain is the host name, it listens on loopback only (UDP and TCP port 5060, WebSocket and the phone page on port 8080)
and has no users until you add some. `oversip check -c FILE` tells all mistakes at once. Relative file names start at
the folder of the file. Times are seconds, sizes are bytes. With an `[edge]` section and no `[[listen]]` the same three
listeners are open on all IPv4 addresses.

`etc/oversip.toml` holds every option with its default, commented out.
"""

_SAMPLE_HEAD = """\
# OverSIP-TW, every option. A line that begins with "#" and a name shows a default, or an example where there is none.
# Give the file with -c; `oversip check -c FILE` tells what is wrong with it.
# Meaning and limits of each: docs/reference/configuration.md. Made from the code by `make reference`.
"""


def toml(value: Any) -> str:
    """``value`` as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml(each) for each in value)}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def words(wanted: Any) -> str:
    """What a type takes, for a reader."""
    kind = kind_of(wanted)
    if kind is not None:
        return kind.words
    if wanted is bool:
        return "true or false"
    if get_origin(wanted) is tuple:
        return f"list of: {words(get_args(wanted)[0])}"
    if isinstance(wanted, UnionType) or str(get_origin(wanted)) == "typing.Union":
        return ", or ".join(words(each) for each in get_args(wanted) if each is not type(None))
    raise TypeError(wanted)


def sections() -> Iterator[tuple[str, bool, type]]:
    """Every section: its name, whether it may stand several times, and its class. The top of the file is ""."""
    yield "", False, Config
    for each in attrs.fields(Config):
        inner = section_class(each.type)
        if inner is not None:
            yield each.name, get_origin(each.type) is tuple, inner


def options(section: type) -> Iterator[attrs.Attribute[Any]]:
    """The options of a section, without the sections in it."""
    return (each for each in attrs.fields(attrs.resolve_types(section)) if section_class(each.type) is None)


def shown(option: attrs.Attribute[Any]) -> str:
    """The default in TOML, or "" where there is none or it is made up."""
    return "" if option.default in (attrs.NOTHING, None, ()) else toml(option.default)


def document() -> str:
    """docs/reference/configuration.md."""
    made = [_HEAD]
    for name, several, section in sections():
        if name:
            brackets = f"[[{name}]]" if several else f"[{name}]"
            made.append(f"\n## `{brackets}`\n\n{_about(section)}\n")
        else:
            made.append("\n## Top of the file\n")
        made.append("\n| option | value | default | meaning |\n|---|---|---|---|\n")
        made.extend(_row(option) for option in options(section))
    return "".join(made)


def _about(section: type) -> str:
    return " ".join(line.strip() for line in (section.__doc__ or "").splitlines() if line.strip())


def _row(option: attrs.Attribute[Any]) -> str:
    default = f"`{shown(option)}`" if shown(option) else "required" if option.default is attrs.NOTHING else ""
    cells = (f"`{key_of(option)}`", words(option.type), default, option.metadata["about"])
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def sample() -> str:
    """etc/oversip.toml."""
    made = [_SAMPLE_HEAD]
    for name, several, section in sections():
        if name:
            made.append(f"\n\n{_comment(_about(section))}\n#{f'[[{name}]]' if several else f'[{name}]'}\n")
        for option in options(section):
            example = option.metadata["example"]
            value = shown(option) or toml(example if example is not None else [])
            made.append(f"\n{_comment(option.metadata['about'])}\n#{key_of(option)} = {value}\n")
    return "".join(made)


def _comment(text: str) -> str:
    return "\n".join(f"# {line}" for line in textwrap.wrap(text.replace("`", ""), 110))


def main(root: Path = Path()) -> None:
    """Write both below ``root``."""
    (root / DOCUMENT).write_text(document())
    (root / SAMPLE).write_text(sample())


if __name__ == "__main__":
    main()
