"""All of them by name: ``RFC4475["wsinv"]``, ``RFC5118["ipv6_good"]``."""

from types import ModuleType

from tests.torture import invalid, rfc5118, semantics, valid


def _of(module: ModuleType) -> dict[str, bytes]:
    return {name: value for name, value in vars(module).items() if isinstance(value, bytes)}


RFC4475: dict[str, bytes] = {**_of(valid), **_of(invalid), **_of(semantics)}
RFC5118: dict[str, bytes] = rfc5118.ALL
