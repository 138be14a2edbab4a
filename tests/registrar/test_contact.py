"""What a REGISTER may ask for, and how it is refused."""

from __future__ import annotations

from tests.registrar.phones import UUID, Phone, RegistrarCase, contacts


class Lifetimes(RegistrarCase):
    """How long a binding lives (§10.3 step 7)."""

    def granted(self, expires: str | int | None, param: str = "") -> str | None:
        phone = Phone()
        answer = self.register(phone.register(expires, contacts=[f"<{phone.contact}>{param}"]), self.connect())
        return answer.contacts[0].param("expires")

    def test_as_asked(self) -> None:
        """Between the limits the phone gets what it asked for; its Contact's parameter counts before the header."""
        self.assertEqual(self.granted(60), "60")
        self.assertEqual(self.granted(600, ";expires=120"), "120")

    def test_cut(self) -> None:
        """More than the maximum is cut down to it."""
        self.assertEqual(self.granted(7200), "3600")
        self.assertEqual(self.granted(2**32 - 1), "3600")

    def test_unsaid(self) -> None:
        """Who does not say gets the default."""
        self.settle(default_expires=900)
        self.assertEqual(self.granted(None), "900")

    def test_P10_unreadable(self) -> None:
        """An unreadable or absurd lifetime counts as 3600 (§10.2.1.1), in the header and in the Contact."""
        self.settle(default_expires=900)
        for text in ("tomorrow", "-1", "1.5", str(2**40), "1" * 100):
            self.assertEqual(self.granted(text), "3600", text)
        for param in (";expires=soon", ";expires", ';expires="1 h"', ";expires=280297596632815"):
            self.assertEqual(self.granted(600, param), "3600", param)

    def test_F16_too_short(self) -> None:
        """A shorter life than the minimum is 423 with Min-Expires, and nothing of the REGISTER happens."""
        for request in (
            Phone().register(expires=1),
            Phone().register(expires=59),
            Phone().register(contacts=["<sip:a@192.0.2.1>", "<sip:b@192.0.2.1>;expires=5"]),
        ):
            error = self.refused(request, self.connect())
            self.assertEqual((error.status, error.headers), (423, (("Min-Expires", "60"),)))
        self.assertEqual(self.bindings(), [])

    def test_rounded_up(self) -> None:
        """What is left is never said shorter than a phone may ask for again."""
        self.register(Phone().register(expires=60), self.connect())
        self.clock.advance(0.25)
        answer = self.register(Phone().register(contacts=[]))
        self.assertEqual(answer.contacts[0].param("expires"), "60")


class Refusals(RegistrarCase):
    """What is no REGISTER for us."""

    def test_foreign_domain(self) -> None:
        """A domain that is not ours is 404 (§10.3 step 5)."""
        request = Phone().register()
        request.set("To", "<sip:alice@example.net>")
        self.assertEqual(self.refused(request, self.connect()).status, 404)

    def test_unknown_scheme_in_to(self) -> None:
        """unksm2 of RFC 4475: a To that is neither sip nor sips is 400."""
        request = Phone().register(contacts=["<name:John_Smith>"])
        request.set("To", "isbn:2983792873")
        self.assertEqual(self.refused(request, self.connect()).status, 400)

    def test_contact_of_another_scheme(self) -> None:
        """A Contact that cannot become a Request-URI of ours is 400."""
        self.assertEqual(self.refused(Phone().register(contacts=["<mailto:alice@example.com>"])).status, 400)

    def test_required_extension(self) -> None:
        """Require with an unknown option is 420 that names it alone; path, outbound and gruu are known."""
        error = self.refused(Phone().register(Require="path, foo, GRUU, bar"), self.connect())
        self.assertEqual((error.status, error.headers), (420, (("Unsupported", "foo, bar"),)))
        self.assertEqual(self.register(Phone().register(Require="outbound"), self.connect()).status, 200)

    def test_R9_star(self) -> None:
        """``*`` with another Contact, twice, or without Expires 0 is 400 and changes nothing."""
        flow = self.connect()
        self.register(Phone().register(), flow)
        for expires, texts in (
            (0, ["*", "<sip:a@192.0.2.1>"]),
            (0, ["*, *"]),
            (600, ["*"]),
            (None, ["*"]),
            ("x", ["*"]),
        ):
            error = self.refused(Phone().register(expires, contacts=texts), flow)
            self.assertEqual(error.status, 400, (expires, texts))
        self.assertEqual(len(self.bindings()), 1)

    def test_R9_star_with_parameters(self) -> None:
        """``*`` takes no parameters (RFC 3261 §25.1)."""
        self.assertEqual(self.refused(Phone().register(contacts=["*;expires=0"])).status, 400)

    def test_R9_empty_contact(self) -> None:
        """An empty Contact is 400, not a fetch."""
        for texts in ([""], ["<sip:a@192.0.2.1>", " "], [","], ["<>"]):
            self.assertEqual(self.refused(Phone().register(contacts=texts)).status, 400, texts)

    def test_bad_parameters(self) -> None:
        """q, reg-id and +sip.instance that make no sense are 400."""
        instance = f'+sip.instance="<{UUID}>"'
        for params in (
            "q=9",
            "q=1.1",
            "q=.5",
            "q",
            "q=0.1234",
            f"{instance};reg-id=0",
            f"{instance};reg-id=x",
            f"{instance};reg-id",
            f"{instance};reg-id=99999999999",
            '+sip.instance="<>"',
            f'+sip.instance="<urn:{"x" * 300}>"',
        ):
            error = self.refused(Phone().register(contacts=[f"<sip:a@192.0.2.1>;{params}"]), self.connect())
            self.assertEqual(error.status, 400, params)

    def test_F15_many_contacts(self) -> None:
        """More than ten Contacts in one REGISTER are 403; ten are none too many."""
        texts = [f"<sip:a{number}@192.0.2.1>" for number in range(11)]
        self.assertEqual(self.refused(Phone().register(contacts=texts), self.connect()).status, 403)
        self.assertEqual(len(contacts(self.register(Phone().register(contacts=texts[:10]), self.connect()))), 10)

    def test_more_contacts_than_bindings(self) -> None:
        """A REGISTER that alone has more Contacts than a user may have bindings is 403."""
        self.settle(max_bindings=2)
        texts = [f"<sip:a{number}@192.0.2.1>" for number in range(3)]
        self.assertEqual(self.refused(Phone().register(contacts=texts), self.connect()).status, 403)
        self.assertEqual(self.bindings(), [])
