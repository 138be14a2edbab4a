"""oversip_tw.web.api.guard: who may use the admin port."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.test.requesthelper import DummyRequest

from oversip_tw.web.api import Guard, Problem

TOKEN = "T9mS2xWn4Qe7LbVc0dRk"
OTHER = "another-token-for-rotation"


def status(guard: Guard, open: bool = False, **headers: str) -> int:
    """What is answered; 0: it is let in."""
    request = DummyRequest([b""])
    for name, value in headers.items():
        request.requestHeaders.addRawHeader(name.replace("_", "-").encode(), value.encode())
    try:
        guard.admit(request, open)
    except Problem as problem:
        return problem.status
    return 0


class WithoutToken(SynchronousTestCase):
    """Programs of this machine, and nobody whom a page of the web has sent."""

    def test_names_of_loopback(self) -> None:
        """With any port, and without."""
        guard = Guard()
        for host in ("localhost", "LOCALHOST:9090", "127.0.0.1", "127.0.0.1:9090", "127.8.8.8", "[::1]", "[::1]:9090"):
            self.assertEqual(0, status(guard, Host=host), host)
        self.assertEqual(0, status(guard))  # HTTP/1.0

    def test_dns_rebinding(self) -> None:
        """A page whose own name was made to lead here calls the port by that name."""
        guard = Guard(hosts=("127.0.0.1", "sip.internal.example"))
        for host in (
            "evil.example", "evil.example:9090", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.1", "",
            "127.0.0.1@evil.example", "[::2]", "[", "::1", "127.0.0.1:80:80",
        ):  # fmt: skip
            self.assertEqual(403, status(guard, Host=host), host)
        self.assertEqual(0, status(guard, Host="SIP.internal.example:9090"))

    def test_pages(self) -> None:
        """What a page sends says so; an address that was typed does not."""
        guard = Guard()
        for origin in ("http://evil.example", "http://localhost:9090", "null"):
            self.assertEqual(403, status(guard, Host="localhost", Origin=origin))
        for site in ("cross-site", "same-site", "same-origin"):
            self.assertEqual(403, status(guard, Host="localhost", Sec_Fetch_Site=site))
        self.assertEqual(0, status(guard, Host="localhost", Sec_Fetch_Site="none"))


class WithToken(SynchronousTestCase):
    """Whoever has it, under whatever name."""

    def test_token(self) -> None:
        """It has to be shown whole, in the one scheme."""
        guard = Guard((OTHER, TOKEN))
        self.assertEqual(0, status(guard, Authorization=f"Bearer {OTHER}"))
        self.assertEqual(0, status(guard, Host="sip.example", Authorization=f"Bearer {TOKEN}"))
        self.assertEqual(0, status(guard, Authorization=f"bearer  {TOKEN}"))
        for shown in (
            "", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN,
            f"Bearer {TOKEN} x", f"Bearer {TOKEN.lower()}",
        ):  # fmt: skip
            self.assertEqual(401, status(guard, Authorization=shown), shown)
        self.assertEqual(401, status(guard))

    def test_twice(self) -> None:
        """Whoever looked before us may have looked at the other one."""
        for name, value in ((b"Host", b"localhost"), (b"Authorization", f"Bearer {TOKEN}".encode())):
            request = DummyRequest([b""])
            request.requestHeaders.setRawHeaders(name, [value, value])
            for guard in (Guard(), Guard([TOKEN])):
                with self.assertRaises(Problem) as refused:
                    guard.admit(request)
                self.assertEqual(400, refused.exception.status)

    def test_others_from_now_on(self) -> None:
        """What counted before does no longer."""
        guard = Guard([OTHER])
        guard.use([TOKEN], ())
        self.assertEqual(0, status(guard, Authorization=f"Bearer {TOKEN}"))
        self.assertEqual(401, status(guard, Authorization=f"Bearer {OTHER}"))

    def test_open(self) -> None:
        """What is open to all asks for none, and pages have no business there either."""
        self.assertEqual(0, status(Guard([TOKEN]), open=True))
        self.assertEqual(403, status(Guard([TOKEN]), open=True, Origin="http://evil.example"))
        self.assertEqual(403, status(Guard([TOKEN]), Authorization=f"Bearer {TOKEN}", Origin="http://evil.example"))

    def test_how_to_log_in(self) -> None:
        """The refusal names the scheme (RFC 6750 §3)."""
        with self.assertRaises(Problem) as refused:
            Guard([TOKEN]).admit(DummyRequest([b""]))
        self.assertEqual({"WWW-Authenticate": 'Bearer realm="oversip"'}, refused.exception.headers)
