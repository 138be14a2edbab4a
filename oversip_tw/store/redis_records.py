"""Bindings and users as Redis holds them (`redis_scripts` says where)."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

from oversip_tw.registrar.binding import Binding
from oversip_tw.store.passwords import Digests


def stamp(binding: Binding) -> str:
    """What tells one REGISTER from another: a binding is ended only by who knows its last one."""
    octets = f"{binding.cseq} {binding.call_id}".encode("utf-8", "surrogateescape")
    return blake2b(octets, digest_size=8).hexdigest()


def written(binding: Binding, offset: float) -> bytes:
    """A value of the hash of its user; ``offset`` makes dates of its times."""
    expires = binding.expires_at + offset
    ended = int(expires * 1000) if binding.ended else 0
    record = (
        binding.key.hex(),
        binding.aor,
        binding.contact,
        binding.params,
        binding.q,
        binding.instance,
        binding.reg_id,
        binding.call_id,
        binding.cseq,
        expires,
        binding.updated_at + offset,
        list(binding.path),
        binding.node,
        binding.flow_id.hex(),
        binding.user_agent,
        binding.secure,
        binding.first_cseq,
    )
    # JSON in ASCII: no octet of a header gets between two values, and surrogates come back as they went
    text = json.dumps(record, separators=(",", ":"))
    return f"{int(expires * 1000)} {ended} {stamp(binding)} {text}".encode("ascii")


def read(value: bytes, offset: float) -> Binding:
    """The binding of `written`."""
    _, ended, _, record = value.split(b" ", 3)
    fields: list[Any] = json.loads(record)
    key, aor, contact, params, q, instance, reg_id, call_id, cseq, expires, updated, path, node, flow, *rest = fields
    agent, secure, *first_cseq = rest  # which came later
    over = int(ended)
    return Binding(
        aor,
        contact,
        params,
        q,
        instance,
        reg_id,
        call_id,
        cseq,
        (min(expires, over / 1000) if over else expires) - offset,
        updated - offset,
        tuple(path),
        node,
        bytes.fromhex(flow),
        bytes.fromhex(key),
        agent,
        secure,
        ended=over > 0,
        first_cseq=first_cseq[0] if first_cseq else 0,
    )


def named(aor: str) -> str:
    """A user in a message: in one line, whatever the name holds."""
    return json.dumps(aor)


def name_in(text: bytes) -> str:
    """The user of `named`."""
    return str(json.loads(text))


def field_of(name: str, domain: str) -> bytes:
    """The field of a user: neither name nor domain has an "@"."""
    return f"{name}@{domain}".encode()


def user_of(field: bytes) -> tuple[str, str]:
    """Name and domain behind `field_of`."""
    name, _, domain = field.decode().rpartition("@")
    return name, domain


def digests_written(digests: Digests) -> bytes:
    """A value of the hash of users."""
    return json.dumps([None if each is None else each.hex() for each in digests]).encode()


def digests_read(value: bytes) -> Digests:
    """The digests of `digests_written`."""
    return tuple([None if each is None else bytes.fromhex(each) for each in json.loads(value)])
