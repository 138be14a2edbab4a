"""The PEM files that the configuration names: read, or told what is wrong with them."""

from __future__ import annotations

from oversip_tw.config import Config, Mistake
from oversip_tw.service import settings
from oversip_tw.transport.client_tls import ClientTls
from oversip_tw.transport.tls import CertificateError, ServerTls


def client_tls(config: Config) -> dict[str, ClientTls]:
    """TLS towards next hops by the names of profiles, its files read now. Raises CertificateError."""
    return {name: ClientTls(each) for name, each in settings.client_tls(config).items()}


def certificate_mistakes(config: Config) -> list[Mistake]:
    """Certificates, keys and authorities that are none."""
    found = []
    for number, listen in enumerate(config.listen, 1):
        if listen.certificate:
            spec = settings.listener(listen)
            try:
                ServerTls(spec.certificates, clients=spec.clients)
            except CertificateError as error:
                key = "authorities" if error.path == listen.authorities else "certificate"
                found.append(Mistake(f"listen[{number}].{key}", str(error)))
    towards = settings.client_tls(config)
    for number, profile in enumerate(config.profile, 1):
        try:
            ClientTls(towards[profile.name])
        except CertificateError as error:
            key = "authorities" if error.path == profile.authorities else "certificate"
            found.append(Mistake(f"profile[{number}].{key}", str(error)))
    return found
