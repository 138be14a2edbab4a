"""The server in front of a core that knows nothing of browsers and NATs (RFC 5626, RFC 3327)."""
