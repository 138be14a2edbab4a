SocketAddress = tuple[str | int, ...]

def receive(fd: int, most: int, /) -> list[tuple[bytes, SocketAddress]]:
    """What has arrived, at most 64; nothing is an empty list. Raises OSError as `socket.recvfrom` does, then nothing
    was taken. The address is what recvfrom gives, and one object for one sender as long as that is remembered."""

def send(fd: int, datagrams: list[tuple[bytes, SocketAddress]], /) -> int:
    """Send from the front, at most 64; how many left. What is not sent may be tried again, beginning with the first.

    Raises for the first datagram alone: OSError as `socket.sendto` does and for a host that is no literal address,
    OverflowError for a port beyond 65535, TypeError.
    """
