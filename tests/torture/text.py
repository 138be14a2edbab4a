"""How the messages are written down: line by line."""


def message(*lines: str) -> bytes:
    """Lines of text, put together as SIP does."""
    return "\r\n".join(lines).encode("utf-8")


def octets(*lines: bytes) -> bytes:
    """Lines of a message that is not all text."""
    return b"\r\n".join(lines)


def with_body(*lines: str, body: str) -> bytes:
    """A message whose body ends its lines with CRLF too, with the Content-Length that fits."""
    octets = body.replace("\n", "\r\n").encode("utf-8")
    return message(*lines, f"Content-Length: {len(octets)}", "", "") + octets
