"""Requests of our own: a trunk is asked whether it lives, somebody is told when it does not, phones are told to reload.

    hooks = "own_requests:OwnRequests"

For a registrar and for an edge, whose users are reached through its core.
"""

from __future__ import annotations

from oversip_tw.hooks import Core, Hooks, SIPError, Uac

TRUNK = "sip:192.0.2.10"
OPERATOR = "sip:operator@example.com"
PHONES = ("sip:alice@example.com", "sip:bob@example.com")
#: seconds between two questions
EVERY = 60.0


class OwnRequests(Hooks):
    """Keeps in ``alive`` what the trunk said last."""

    alive = True

    def on_start(self, core: Core) -> None:
        """Ask from now on."""
        self.to = self.edge.core if self.edge else None
        self.ask()

    def on_stop(self) -> None:
        """Also when these hooks have been read again: the new ones ask for themselves."""
        self.timer.cancel()

    def ask(self) -> None:
        """Once now, and again later."""
        self.timer = self.core.wheel.after(EVERY, self.ask)
        self.core.spawn(self.look(), self.core.unexpected)

    async def look(self) -> None:
        """Whatever the trunk answers, it lives."""
        was_alive = self.alive
        try:
            await Uac(self.core).ask("OPTIONS", TRUNK)
            self.alive = True
        except SIPError as error:
            self.alive = False
            if was_alive:
                self.tell(f"the trunk does not answer: {error.code}")

    def tell(self, text: str) -> None:
        """A MESSAGE to the operator; whether it arrives is not our concern."""
        headers = [("From", f"<{OPERATOR}>;tag={self.core.new_id()}"), ("Content-Type", "text/plain")]
        Uac(self.core).send("MESSAGE", OPERATOR, headers, text.encode(), to=self.to)

    def on_user_reload(self) -> None:
        """SIGUSR1: phones shall fetch their configuration again."""
        headers = [("Event", "check-sync"), ("Subscription-State", "active")]
        for phone in PHONES:
            Uac(self.core).send("NOTIFY", phone, headers, to=self.to)
