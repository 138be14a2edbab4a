"""What a value of OverSIP's files may be: the limits of its own validators."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from oversip_tw.migration.notes import quoted

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")


class Unfit(ValueError):
    """A value is not what its key takes; the text says why."""


@dataclass(frozen=True, slots=True)
class Check:
    """``words`` says what is taken; ``accept`` gives the value to go on with, or None.

    Its second argument is the folder of OverSIP's configuration. It may raise Unfit where there is more to say.
    """

    words: str
    accept: Callable[[Any, Path], Any]

    def take(self, value: Any, folder: Path) -> Any:
        """The value to go on with. Raises Unfit."""
        taken = self.accept(value, folder)
        if taken is None:
            raise Unfit(f"must be {self.words}, not {quoted(value)}")
        return taken


def whole(least: int, most: int | None = None, unit: str = "") -> Check:
    """A whole number within bounds; seconds where ``unit`` says so."""
    bounds = f"{least} to {most}" if most is not None else f"at least {least}"

    def accept(value: Any, _: Path) -> int | None:
        good = isinstance(value, int) and not isinstance(value, bool) and value >= least
        return value if good and (most is None or value <= most) else None

    return Check(f"a whole number, {bounds}{unit and f' {unit}'}", accept)


def choice(*options: str) -> Check:
    """One word of a list."""
    words = "one of " + ", ".join(options)
    return Check(words, lambda value, _: value if isinstance(value, str) and value in options else None)


def some(member: Check) -> Check:
    """A list of what ``member`` takes; a single one may stand without being a list. The answer is a tuple."""

    def accept(value: Any, folder: Path) -> tuple[Any, ...] | None:
        values = value if isinstance(value, list) else [value]
        return tuple(dict.fromkeys(member.take(each, folder) for each in values)) or None

    return Check(f"{member.words}, or a list of such", accept)


def _address(version: int) -> Callable[[Any, Path], str | None]:
    def accept(value: Any, _: Path) -> str | None:
        try:
            address = ipaddress.ip_address(value) if isinstance(value, str) else None
        except ValueError:
            return None
        return str(address) if address is not None and address.version == version and "%" not in value else None

    return accept


def _domain(value: Any, _: Path) -> str | None:
    name = value.lower().removesuffix(".") if isinstance(value, str) else ""
    labels = name.split(".")
    good = len(name) <= 253 and all(_LABEL.fullmatch(label) for label in labels) and not labels[-1].isdigit()
    return name if good else None


def _pem(value: Any, folder: Path, read: Callable[[bytes], object]) -> str | None:
    """The absolute name of a PEM file that ``read`` understands; a relative one is in OverSIP's ``tls`` folder."""
    if not isinstance(value, str) or not value or "\0" in value:
        return None
    path = folder / "tls" / value
    try:
        read(path.read_bytes())
    except OSError as error:
        raise Unfit(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, TypeError) as error:
        # TypeError: a key with a password
        raise Unfit(f"{path} cannot be used: {error}") from None
    return str(path)


def _certificate(value: Any, folder: Path) -> str | None:
    return _pem(value, folder, x509.load_pem_x509_certificates)


def _private_key(value: Any, folder: Path) -> str | None:
    return _pem(value, folder, lambda pem: load_pem_private_key(pem, password=None))


def _folder(value: Any, folder: Path) -> str | None:
    if not isinstance(value, str) or not value or "\0" in value:
        return None
    path = folder / "tls" / value
    try:
        next(path.iterdir(), None)
    except OSError as error:
        raise Unfit(f"cannot read {path}: {error.strerror}") from None
    return str(path)


BOOLEAN = Check("yes or no", lambda value, _: value if isinstance(value, bool) else None)
# OverSIP let 65536 pass, and failed when it opened the port
PORT = whole(1, 65535)
IPV4 = Check("an IPv4 address", _address(4))
IPV6 = Check("an IPv6 address", _address(6))
DOMAIN = Check("a domain", _domain)
CERTIFICATE = Check("the name of a file with a certificate and its chain (PEM)", _certificate)
PRIVATE_KEY = Check("the name of a file with a private key without a password (PEM)", _private_key)
FOLDER = Check("the name of a folder", _folder)
