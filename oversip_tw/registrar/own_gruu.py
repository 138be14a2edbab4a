"""A phone's own GRUU as the Contact of its REGISTER (RFC 5627 §5.1): it stands for the phone that it names."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from oversip_tw.outbound.binding_key import binding_key
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.contact import Wish
from oversip_tw.registrar.gruu import comparable, named_instance, same_instance
from oversip_tw.registrar.location import Location
from oversip_tw.registrar.temporary import TemporaryGruus, is_temporary
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.uri import Uri


class OwnGruus:
    """Reads them."""

    __slots__ = ("_domains", "_location", "_secret", "_temporary")

    def __init__(
        self, location: Location, domains: Collection[str], secret: bytes, temporary: TemporaryGruus | None
    ) -> None:
        """``secret`` keys the `binding_key` of bindings. ``temporary``: None: nobody has GRUUs of that kind."""
        self._location = location
        self._domains = domains
        self._secret = secret
        self._temporary = temporary

    def meant(self, wish: Wish, aor: str, to: Uri, bindings: Sequence[Binding]) -> Wish | None:
        """``wish`` with the Contact that its GRUU stands for, which alone may become a target; as it is where its
        ``gr`` is none of the user ``aor``'s, who is called ``to`` there and has ``bindings``.

        None: it removes what is gone already. Raises SIPError (403) when the GRUU is not the phone's own.
        """
        instance = self._instance(wish.uri, aor, to)
        if instance is None:
            return wish
        if wish.instance is not None and not same_instance(wish.instance, instance):
            raise SIPError(403, "GRUU Of Another Instance")
        found = [
            binding
            for binding in bindings
            if same_instance(binding.instance, instance) and wish.reg_id in (None, binding.reg_id)
        ]
        known = max(found, key=lambda binding: binding.updated_at, default=None)
        if known is None and wish.reg_id is not None:
            # It may have lost its connection a moment ago, and its binding with it.
            known = self._location.by_key(binding_key(self._secret, aor, comparable(instance), wish.reg_id, ""))
        if known is None:
            if wish.expires == 0:
                return None
            raise SIPError(403, "GRUU Of No Instance")
        return Wish(
            Uri.parse(known.contact),
            known.params if wish.instance is None else wish.params,
            wish.q,
            known.instance,
            known.reg_id,
            wish.expires,
        )

    def _instance(self, uri: Uri, aor: str, to: Uri) -> str | None:
        """The instance of this user that ``uri`` is a GRUU of, "" for one that never was or has died; None: it is none
        of this user's."""
        if uri.aor in (aor, to.aor):
            return named_instance(uri)
        if self._temporary is None or not is_temporary(uri):
            return None
        named = self._temporary.named(uri, self._location.by_key)
        if named is not None:
            return named.instance if named.aor == aor else None
        return "" if uri.host in self._domains else None
