"""Why a request could not be sent on, as words for programs: `SIPError.code`."""

from __future__ import annotations

from typing import Final

# Next hops that cannot be found, or must not be used

#: no such name or record
NO_DNS_RESOLUTION: Final = "no_dns_resolution"
#: no name server answered in time, or it failed
LOOKUP_FAILED: Final = "lookup_failed"
UNSUPPORTED_URI_SCHEME: Final = "unsupported_uri_scheme"
#: one that is not dialled: WebSocket, one that nobody knows, or one that the settings leave out
UNSUPPORTED_TRANSPORT: Final = "unsupported_transport"
#: there are only addresses of a family that the settings leave out
NO_IPV4: Final = "no_ipv4"
NO_IPV6: Final = "no_ipv6"
#: a name, where only addresses may be dialled
NO_DNS: Final = "no_dns"
#: only insecure ways to a secure target (RFC 5630)
NOT_SECURE: Final = "not_secure"

# Next hops that were tried, or passed over

#: Timer B or F
CLIENT_TIMEOUT: Final = "client_timeout"
#: Timer C
INVITE_TIMEOUT: Final = "invite_timeout"
#: every target was found dead before, and is passed over for a while
DESTINATION_DOWN: Final = "destination_down"
#: the next hop answered 503, which is told as 500
UNAVAILABLE: Final = "unavailable"
CONNECTION_ERROR: Final = "connection_error"
TLS_VALIDATION_FAILED: Final = "tls_validation_failed"
#: the flow of a registration is gone (RFC 5626 §5.3)
FLOW_FAILED: Final = "flow_failed"
#: user code did not want this target
DESTINATION_ABORTED: Final = "destination_aborted"
#: user code wants this target to be passed over for some time
DESTINATION_BLACKLISTED: Final = "destination_blacklisted"
