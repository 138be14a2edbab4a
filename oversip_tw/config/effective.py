"""The configuration as it holds, with all that is not written in the file: `oversip check --effective`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

import attrs

from oversip_tw.config.reading import key_of, kind_of, section_class
from oversip_tw.config.reference import options
from oversip_tw.config.sections import Config
from oversip_tw.config.values import Text


def effective(config: Config) -> str:
    """``config`` as TOML, from which the same would be read, but for secrets, which are left out with a word. So is
    what has no value, and no default, without one."""
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
        if value is not None and _is_secret(option, value):
            yield f"# {key_of(option)} is set, and not shown"
        elif value is not None:
            yield f"{key_of(option)} = {_written(value)}"


def _is_secret(option: attrs.Attribute[Any], value: Any) -> bool:
    """Tokens, and URLs with a password."""
    kinds = map(kind_of, (option.type, *get_args(option.type)))
    return any(isinstance(kind, Text) and kind.secret for kind in kinds) and ("://" not in value or "@" in value)


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_written, value))}]"
    # What JSON makes of texts, numbers, true and false is TOML as well.
    return json.dumps(value, ensure_ascii=False)
