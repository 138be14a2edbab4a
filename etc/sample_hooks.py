"""Sample hooks: put `hooks = "sample_hooks:SampleHooks"` into the configuration and start the server in this folder."""

from __future__ import annotations

from oversip_tw.hooks import Arrival, Core, Flow, HandshakeRequest, Hooks, Request, Response, SIPError, Way

#: nobody may be called by these names
CLOSED = {"fax", "telex"}
#: these ring on their newest phone alone
ONE_PHONE = {"sip:reception@example.com"}


class SampleHooks(Hooks):
    """One small thing at each step."""

    def on_start(self, core: Core) -> None:
        """Keep the log, to write lines of our own."""
        self.log = core.log

    def on_connect(self, handshake: HandshakeRequest, flow: Flow) -> None:
        """Only browsers that come with ?tenant=... may connect; requests from there can look it up again."""
        tenant = handshake.query.partition("tenant=")[2].partition("&")[0]
        if not tenant:
            raise SIPError(403, "Which Tenant?")
        flow.variables["tenant"] = tenant

    async def on_request(self, arrival: Arrival) -> None:
        """Refuse some calls, and tell the callee which tenant a caller belongs to."""
        request = arrival.request
        if request.method == "INVITE" and request.uri.user in CLOSED:
            raise SIPError(603, "Closed")
        tenant = arrival.flow.variables.get("tenant")
        if tenant:
            request.set("X-Tenant", str(tenant))

    def on_register(self, arrival: Arrival) -> None:
        """An office may have rules: softphones with this name are not supported."""
        if (arrival.request.get("User-Agent") or "").startswith("OldPhone/"):
            raise SIPError(403, "Please Update Your Phone")

    def on_targets(self, arrival: Arrival, targets: list[list[Way]]) -> None:
        """The reception has one phone ringing, not all of them."""
        if arrival.request.uri.aor in ONE_PHONE:
            del targets[1:]
            del targets[0][1:]

    def on_response(self, response: Response, request: Request) -> None:
        """What a phone calls itself is nobody's business."""
        response.remove("User-Agent")

    def on_disconnect(self, flow: Flow) -> None:
        """Somebody is gone."""
        self.log.info("{peer} of {tenant} left", peer=flow.peer, tenant=flow.variables.get("tenant"))
