"""The configuration as it holds, with all that is not written in the file: `oversip check --effective`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import attrs

from oversip_tw.config.reading import key_of, section_class
from oversip_tw.config.reference import options
from oversip_tw.config.sections import Config


def effective(config: Config) -> str:
    """``config`` as TOML, from which the same would be read. What has no value, and no default, is left out."""
    lines = list(_rows(config))
    for each in attrs.fields(Config):
        if section_class(each.type) is None:
            continue
        value = getattr(config, each.name)
        several = isinstance(value, tuple)
        for section in value if several else (value,):
            if section is not None:
                lines += ["", f"[[{key_of(each)}]]" if several else f"[{key_of(each)}]", *_rows(section)]
    return "\n".join([*lines, ""])


def _rows(section: Any) -> Iterator[str]:
    for option in options(type(section)):
        value = getattr(section, option.name)
        if value is not None:
            yield f"{key_of(option)} = {_written(value)}"


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_written, value))}]"
    # What JSON makes of texts, numbers, true and false is TOML as well.
    return json.dumps(value, ensure_ascii=False)
