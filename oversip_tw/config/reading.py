"""From a TOML file to `Config`, or to a list of all mistakes in it."""

from __future__ import annotations

import difflib
import os
import socket
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, cast, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.errors import (
    AttributeValidationNote,
    ClassValidationError,
    ForbiddenExtraKeysError,
    IterableValidationError,
    IterableValidationNote,
)
from cattrs.gen import make_dict_structure_fn, override

from oversip_tw.config.errors import ConfigError, Mistake, Wrong
from oversip_tw.config.listen import Listen
from oversip_tw.config.sections import Config
from oversip_tw.config.values import Kind, said

#: how alike a word has to be to an option of the same section, and of another
_NEAR = 0.6
_FAR = 0.75


def load(file: str) -> Config:
    """Read the configuration in ``file``. Raises ConfigError."""
    try:
        text = Path(file).read_bytes().decode("utf-8-sig")  # some editors begin a file with a byte order mark
    except OSError as error:
        raise ConfigError([Mistake("", f"cannot read {file}: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        raise ConfigError([Mistake("", f"is not UTF-8 (byte {error.start})")], file) from None
    return loads(text, Path(file).resolve().parent, file)


def loads(text: str, base: Path | None = None, file: str = "") -> Config:
    """Read the configuration from ``text``; relative file names start at ``base``. Raises ConfigError."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([Mistake("", f"not TOML: {error}")], file) from None
    except RecursionError:
        raise ConfigError([Mistake("", "not TOML: brackets within brackets, too deep")], file) from None
    return _complete(structure(table, base or Path(), file))


def structure(table: Mapping[str, Any], base: Path, file: str = "") -> Config:
    """``table``, as tomllib reads it, as a Config of what it says. Raises ConfigError."""
    try:
        config: Config = _converter(base).structure(table, Config)
    except Exception as error:
        raise ConfigError(list(_mistakes(error, "", Config)), file) from None
    return config


def default() -> Config:
    """What holds without a file: the host name's users, loopback only."""
    return _complete(Config())


def _complete(config: Config) -> Config:
    """``config`` with what is made up at start-up."""
    state = config.state_dir or default_state_dir()
    edge = config.edge is not None
    return attrs.evolve(
        config,
        # an edge has no users: its domains are only names of its own
        domains=config.all_domains or (() if edge else (host_name(),)),
        state_dir=state,
        store=attrs.evolve(config.store, path=config.store.path or str(Path(state) / "oversip.sqlite")),
        listen=config.listen or _default_listeners("0.0.0.0" if edge else "127.0.0.1"),
    )


def _default_listeners(address: str) -> tuple[Listen, ...]:
    return (Listen("udp", address), Listen("tcp", address), Listen("ws", address, page=True))


def host_name() -> str:
    """The name of this machine, as a domain."""
    return socket.gethostname().lower().rstrip(".") or "localhost"


def default_state_dir(environment: Mapping[str, str] = os.environ, uid: int | None = None) -> str:
    """`/var/lib/oversip` for root, else a folder of the user's (XDG base directories)."""
    if environment.get("XDG_STATE_HOME"):
        return str(Path(environment["XDG_STATE_HOME"]) / "oversip")
    if (os.getuid() if uid is None else uid) == 0:
        return "/var/lib/oversip"
    return str(Path(environment.get("HOME") or "~").expanduser() / ".local/state/oversip")


@lru_cache(maxsize=4)
def _converter(base: Path) -> Converter:
    """A converter that takes TOML's types as they are: no number is made of a string, no list of a word."""
    converter = Converter(forbid_extra_keys=True, detailed_validation=True)
    converter.register_structure_hook(bool, _boolean)

    def kind(wanted: Any) -> Callable[[Any, Any], Any]:
        check = kind_of(wanted)
        assert check is not None
        return lambda value, _: check.check(value, base)

    def union(wanted: Any) -> Callable[[Any, Any], Any]:
        options = [option for option in get_args(wanted) if option is not type(None)]
        return lambda value, _: _first(converter, options, value)

    def table(wanted: Any) -> Callable[[Any, Any], Any]:
        renamed: dict[str, Any] = {option.name: override(rename=key_of(option)) for option in attrs.fields(wanted)}
        structure = make_dict_structure_fn(wanted, converter, _cattrs_forbid_extra_keys=True, **renamed)

        def structured(value: Any, _: Any) -> Any:
            if not isinstance(value, Mapping):
                raise Wrong(f"must be a table, not {said(value)}")
            return structure(value, wanted)

        return structured

    def row(wanted: Any) -> Callable[[Any, Any], Any]:
        member = get_args(wanted)[0]
        return lambda value, _: _row(converter, member, value)

    converter.register_structure_hook_factory(attrs.has, table)
    converter.register_structure_hook_factory(_is_row, row)
    converter.register_structure_hook_factory(lambda wanted: isinstance(wanted, UnionType), union)
    converter.register_structure_hook_factory(lambda wanted: _is_union(wanted), union)
    converter.register_structure_hook_factory(lambda wanted: kind_of(wanted) is not None, kind)
    return converter


def key_of(option: attrs.Attribute[Any]) -> str:
    """What an option is called in the file; Python has words that cannot be names of fields."""
    key: str = option.metadata.get("key", option.name)
    return key


def kind_of(wanted: Any) -> Kind | None:
    """The `Kind` in an ``Annotated`` type."""
    if get_origin(wanted) is not Annotated:
        return None
    return next((each for each in get_args(wanted)[1:] if isinstance(each, Kind)), None)


def _is_row(wanted: Any) -> bool:
    return cast(object, get_origin(wanted)) is tuple


def _is_union(wanted: Any) -> bool:
    return str(get_origin(wanted)) == "typing.Union"


def _boolean(value: Any, _: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong(f"must be true or false, not {said(value)}")
    return value


def _first(converter: Converter, options: list[Any], value: Any) -> Any:
    """``value`` as the first of ``options`` that takes it; the words of the first if none does."""
    wrong: Exception | None = None
    for option in options:
        try:
            return converter.structure(value, option)
        except (Wrong, IterableValidationError, ClassValidationError) as error:
            wrong = wrong or error
    assert wrong is not None
    raise wrong


def _row(converter: Converter, member: Any, value: Any) -> tuple[Any, ...]:
    """A list; where its members are plain values, a single one may stand without brackets."""
    if not isinstance(value, list):
        if attrs.has(member) or isinstance(value, Mapping):
            found = "a single one" if isinstance(value, Mapping) else said(value)
            raise Wrong(f"must be a list of tables, [[...]], not {found}")
        return (converter.structure(value, member),)
    made, errors = [], []
    for index, each in enumerate(value):
        try:
            made.append(converter.structure(each, member))
        except Exception as error:
            error.add_note(IterableValidationNote("", index, member))
            errors.append(error)
    if errors:
        raise IterableValidationError("", errors, member)
    return tuple(made)


def _mistakes(error: BaseException, path: str, wanted: Any) -> Iterator[Mistake]:
    """All mistakes within ``error``, which was raised where ``path`` was read as ``wanted``."""
    if isinstance(error, ClassValidationError | IterableValidationError):
        for inner in error.exceptions:
            yield from _mistakes(inner, *_where(inner, path, wanted))
    elif isinstance(error, ForbiddenExtraKeysError):
        for key in sorted(error.extra_fields):
            yield Mistake(_join(path, key), f"unknown{_did_you_mean(key, error.cl)}")
    elif isinstance(error, KeyError):
        yield Mistake(path, "is missing")
    elif isinstance(error, Wrong):
        yield from (Mistake(path, words) for words in error.args)
    else:
        yield Mistake(path, f"{type(error).__name__}: {error}")


def _where(error: BaseException, path: str, wanted: Any) -> tuple[str, Any]:
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return _join(path, _key_named(wanted, note.name)), note.type
        if isinstance(note, IterableValidationNote):
            return f"{path}[{int(note.index) + 1}]", note.type
    return path, wanted


def _key_named(section: Any, name: str) -> str:
    inner = section_class(section)
    option = None if inner is None else getattr(attrs.fields(inner), name, None)
    return name if option is None else key_of(option)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _did_you_mean(key: str, section: type) -> str:
    """The option that was meant: one of this section, or a more alike one of another."""
    near = [(key_of(each), key_of(each)) for each in attrs.fields(section)]
    far = [
        (key_of(option), f"{each.name}.{key_of(option)}")
        for each in attrs.fields(Config)
        if (inner := section_class(each.type)) is not None and inner is not section
        for option in attrs.fields(inner)
    ]
    scored = [(_alike(key, name), shown) for name, shown in near if _alike(key, name) >= _NEAR]
    scored += [(_alike(key, name), shown) for name, shown in far if _alike(key, name) >= _FAR]
    best = max(scored, key=lambda each: each[0], default=None)
    return f"; did you mean {best[1]}?" if best else ""


def _alike(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one.lower(), other).ratio()


def section_class(wanted: Any) -> type | None:
    """The attrs class behind the type of a section, which may be absent, or of the members of a list of tables."""
    member = get_args(wanted)[0] if _is_row(wanted) or isinstance(wanted, UnionType) else wanted
    return member if attrs.has(member) else None
