"""Users of other servers: Kamailio's ``subscriber`` table and Asterisk's PJSIP authentication, as they export them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

#: what a digest of that many hexadecimal digits was made by
_BY_LENGTH = {32: "MD5", 64: "SHA-256"}
_HEX = re.compile(r"[0-9A-Fa-f]+")
#: [name](template,!) of pjsip.conf
_SECTION = re.compile(r"\[([^\]]*)\]\s*(?:\(([^)]*)\))?")
#: what matters in a line of it: the ends of block comments, what begins one, and all between
_COMMENTS = re.compile(r"\\;|--;|;--(?!-)|;|[^;\\-]+|.", re.DOTALL)
#: what `mysql --batch` writes behind a backslash
_ESCAPES = {"n": "\n", "t": "\t", "0": "\0"}


class Unreadable(Exception):
    """The file is not what it was said to be; the text says why."""


@dataclass(frozen=True, slots=True)
class Account:
    """One user as it was found."""

    #: where: a line of the file
    line: int
    name: str
    #: the realm that ``ha1`` was made with; "": the file does not say
    realm: str
    #: HA1 in hexadecimal by algorithm
    ha1: Mapping[str, str] = field(default_factory=dict)
    #: as it was typed; "": only digests are there
    password: str = ""
    #: why it cannot be carried over; "": it can
    problem: str = ""


def kamailio(text: str) -> Iterator[Account]:
    """Rows of the table ``subscriber``: CSV with the names of the columns in the first row. Raises Unreadable."""
    for line, row in _rows(text, ("username",), "subscriber"):
        ha1 = row.get("ha1", "")
        algorithm = _BY_LENGTH.get(len(ha1))
        problem = ""
        if ha1 and (algorithm is None or not _HEX.fullmatch(ha1)):
            problem = "ha1 is no HA1: 32 or 64 hexadecimal digits"
        elif not ha1 and not row.get("password"):
            problem = "neither ha1 nor password"
        found = {algorithm: ha1.lower()} if algorithm is not None and not problem else {}
        # where there is an HA1, Kamailio goes by that, and the password may be of another time
        password = "" if found else row.get("password", "")
        yield Account(line, row["username"], row.get("domain", ""), found, password, problem)


def asterisk(text: str) -> Iterator[Account]:
    """Rows of the table ``ps_auths`` as CSV, or a ``pjsip.conf``. Raises Unreadable."""
    if re.search(r"^\s*\[", text, re.MULTILINE):
        rows: Iterator[tuple[int, Mapping[str, str]]] = _sections(text)
    else:
        rows = _rows(text, ("auth_type", "username"), "ps_auths")
    for line, row in rows:
        yield _auth(line, row)


def _auth(line: int, row: Mapping[str, str]) -> Account:
    name, realm = row.get("username", ""), row.get("realm", "")
    kind = row.get("auth_type", "userpass").lower()
    found: dict[str, str] = {}
    password, problem = "", ""
    if kind == "userpass" or (kind == "digest" and row.get("password")):
        password = row.get("password", "")
        problem = "" if password else "no password"
    elif kind == "md5":
        found = {"MD5": row.get("md5_cred", "").lower()}
    elif kind == "digest":
        for text in re.split(r"[,\s]+", row.get("password_digest", "")):
            algorithm, _, digest = text.partition(":")
            if digest:
                found[algorithm.upper()] = digest.lower()
    else:
        problem = f'auth_type "{kind}" is no password'
    if not password and not problem:
        found = {name: digest for name, digest in found.items() if _fits(name, digest)}
        problem = "" if found else "no HA1 that can be used"
    # Asterisk's own realm where none is written
    return Account(line, name, realm or ("asterisk" if found else ""), found, password, problem)


def _fits(algorithm: str, digest: str) -> bool:
    length = {"MD5": 32, "SHA-256": 64, "SHA-512-256": 64}.get(algorithm)
    return len(digest) == length and _HEX.fullmatch(digest) is not None


def _rows(text: str, needed: Sequence[str], table: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Lines of CSV by the names in the first one; commas, semicolons or tabs, as that one has them."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    first = lines[0]
    delimiter = max(",;\t|", key=first.count)
    # `mysql --batch` quotes nothing, and escapes
    escaped = delimiter == "\t" and '"' not in first
    reader = csv.DictReader(
        lines,
        delimiter=delimiter,
        restkey="",
        restval="",
        quoting=csv.QUOTE_NONE if escaped else csv.QUOTE_MINIMAL,
    )
    names = [(name or "").strip().lower() for name in reader.fieldnames or ()]
    missing = [name for name in needed if name not in names]
    if missing:
        raise Unreadable(
            f"no export of {table}: the first line must name the columns, among them {' and '.join(missing)}"
        )
    reader.fieldnames = names
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Unreadable(f"line {reader.line_num}: {error}") from None
        found = {name: value for name, value in row.items() if name and isinstance(value, str)}
        yield reader.line_num, {name: _value(name, value, escaped) for name, value in found.items()}


def _value(name: str, value: str, escaped: bool) -> str:
    """What a column holds; blanks belong to nothing but a password."""
    bare = value.strip()
    if bare in ("NULL", "\\N"):
        return ""  # what MySQL and PostgreSQL write where there is nothing
    if name != "password":
        return bare
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), value) if escaped else value


def _sections(text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The sections of pjsip.conf with ``type=auth``, and what they take from templates."""
    templates: dict[str, dict[str, str]] = {}
    made: list[tuple[int, dict[str, str], bool]] = []
    current: dict[str, str] | None = None
    for number, line in _uncommented(text):
        section = _SECTION.fullmatch(line)
        if section is not None:
            parents = [each.strip() for each in (section[2] or "").split(",") if each.strip()]
            if "+" in parents and section[1] in templates:
                current = templates[section[1]]  # it goes on there
            else:
                current = {}
                made.append((number, current, "!" in parents))
            for parent in parents:
                current |= templates.get(parent, {})
            templates[section[1]] = current
        elif "=" in line and current is not None:
            key, _, value = line.partition("=")
            current[key.strip().lower()] = value.removeprefix(">").strip()
    yield from ((number, values) for number, values, only in made if values.get("type") == "auth" and not only)


def _uncommented(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a configuration file of Asterisk, without comments: ``;`` to the end of the line, and ``;--`` to
    ``--;``, nested or not. A semicolon behind a backslash is one."""
    depth = 0
    for number, raw in enumerate(text.split("\n"), 1):
        kept: list[str] = []
        for found in _COMMENTS.finditer(raw):
            what = found[0]
            if what == ";--":
                depth += 1
            elif what == "--;" and depth:
                depth -= 1
            elif depth:
                continue
            elif what == ";":
                break
            else:
                kept.append(";" if what == "\\;" else what)
        yield number, "".join(kept).strip()
