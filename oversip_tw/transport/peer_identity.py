"""Who is at the other end of a TLS connection: which certificate proves which SIP domain (RFC 5922 §7)."""

from __future__ import annotations

from ipaddress import ip_address

from cryptography import x509

from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.uri import Uri


class WrongPeer(Exception):
    """The certificate is sound and belongs to somebody else; the text says whose it is."""


def identities(certificate: x509.Certificate) -> tuple[str, ...]:
    """The SIP domains that ``certificate`` proves, in lower case (RFC 5922 §7.1).

    ``sip:`` URIs without user; only if there is none, DNS names; only if there is no subjectAltName at all, the common
    name. Wildcards stand as they are and equal nothing (§7.2).
    """
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return tuple(str(name.value).lower() for name in names)
    except ValueError:
        # It has extensions, and they cannot be read: it proves nothing.
        return ()
    uris = (_sip_domain(text) for text in alternatives.get_values_for_type(x509.UniformResourceIdentifier))
    domains = [domain for domain in uris if domain]
    if not domains:
        domains = [name.lower() for name in alternatives.get_values_for_type(x509.DNSName)]
    return tuple(domains)


def users(certificate: x509.Certificate) -> tuple[str, ...]:
    """The users whom ``certificate`` proves: addresses-of-record of the ``sip:`` URIs with a user in it, each once."""
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    found = (_sip_user(text) for text in alternatives.get_values_for_type(x509.UniformResourceIdentifier))
    return tuple(dict.fromkeys(aor for aor in found if aor))


def _sip_user(text: str) -> str:
    try:
        uri = Uri.parse(text)
    except SIPError:
        return ""
    return uri.aor if uri.scheme == "sip" and uri.user else ""


def _sip_domain(text: str) -> str:
    try:
        uri = Uri.parse(text)
    except SIPError:
        return ""
    return uri.host if uri.scheme == "sip" and uri.user is None else ""


def check_identity(certificate: x509.Certificate, name: str) -> None:
    """Raises WrongPeer unless ``certificate`` proves ``name``: a domain, or an IP address where no domain is known."""
    try:
        address = ip_address(name)
    except ValueError:
        proven = identities(certificate)
        if domain(name) not in proven:
            raise WrongPeer(f"certificate is for {', '.join(proven) or 'nobody'}, not for {name}") from None
    else:
        if address not in _addresses(certificate):
            raise WrongPeer(f"certificate does not name the address {name}")


def domain(name: str) -> str:
    """``name`` as it is compared: no final dot, lower case."""
    return name.rstrip(".").lower()


def _addresses(certificate: x509.Certificate) -> list[object]:
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return list(alternatives.get_values_for_type(x509.IPAddress))
