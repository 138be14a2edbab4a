import { Inviter, Messager, Registerer, RegistererState, SessionState, SIPExtension, UserAgent } from "sip.js";
import { Phone, constraints } from "./record.js";

const media = (video) => ({
  sessionDescriptionHandlerOptions: { constraints: constraints(video), iceGatheringTimeout: 500 },
});

export class SipjsPhone extends Phone {
  constructor(options) {
    super(options);
    const uri = UserAgent.makeURI(options.uri);
    this.agent = new UserAgent({
      uri,
      authorizationUsername: uri.user,
      authorizationPassword: options.password,
      transportOptions: { server: options.server, traceSip: false, keepAliveInterval: options.keepAlive || 0 },
      sipExtensionReplaces: SIPExtension.Supported,
      noAnswerTimeout: options.noAnswer || 60,
      logBuiltinEnabled: false,
      logLevel: "error",
      delegate: {
        onConnect: () => {
          this.connected = true;
          if (options.register !== false) this.register();
        },
        onDisconnect: (error) => {
          this.connected = false;
          this.disconnects += 1;
          if (error) this.reconnect();
        },
        onInvite: (invitation) => this.invited(invitation),
        onMessage: (message) => {
          const { from, body } = message.request;
          this.messages.push({ from: from.uri.toString(), type: message.request.getHeader("Content-Type"), body });
          message.accept();
        },
      },
      ...(options.sipjs || {}),
    });
    this.makeRegisterer();
  }

  makeRegisterer() {
    this.registerer = new Registerer(this.agent, { expires: this.options.expires || 600, ...(this.options.registerer || {}) });
    this.registerer.stateChange.addListener((state) => {
      this.registered = state === RegistererState.Registered;
    });
  }

  reconnect() {
    // a random moment within 1..2 s, as JsSIP has it
    setTimeout(() => {
      if (this.stopped) return;
      this.agent.reconnect().catch(() => this.reconnect());
    }, 1000 + 1000 * Math.random());
  }

  start() {
    this.agent.start().catch((error) => (this.registration.cause = String(error)));
  }

  stop() {
    this.stopped = true;
    return this.agent.stop();
  }

  register() {
    this.registerer
      .register({
        requestDelegate: {
          onAccept: () => {
            this.registrations += 1;
            this.registration = { status: 200, cause: "" };
            this.registered = true;
          },
          onReject: ({ message }) => {
            this.registration = { status: message.statusCode, cause: message.reasonPhrase };
          },
        },
      })
      .catch((error) => (this.registration.cause = String(error)));
  }

  unregister(all = false) {
    return this.registerer.unregister({ all }).then(() => undefined);
  }

  invited(invitation) {
    const call = this.add("in", invitation.remoteIdentity.uri.toString());
    this.watch(call, invitation);
    if (invitation.replacee) {
      const old = this.callOf(invitation.replacee);
      if (old) old.replaced = true;
      invitation.accept(media(false));
    }
  }

  watch(call, session) {
    call.session = session;
    let failure = null;
    call.failed = null;
    session.stateChange.addListener((state) => {
      if (state === SessionState.Established) call.state = "established";
      if (state === SessionState.Terminated) call.ended(failure || call.cause || "terminated", call.endedBy || "local", call.status);
    });
    session.delegate = {
      onBye: (bye) => {
        call.endedBy = "remote";
        call.reasons.push(...bye.request.getHeaders("Reason"));
        bye.accept();
      },
      onCancel: (cancel) => {
        call.endedBy = "remote";
        call.cause = "Canceled";
        call.reasons.push(...cancel.request.getHeaders("Reason"));
      },
      onInfo: (info) => {
        const tone = /Signal\s*=\s*([0-9A-D#*])/.exec(info.request.body || "");
        if (tone) call.dtmf += tone[1];
        info.accept();
      },
      onInvite: (request) => {
        call.remoteHold = /^a=(sendonly|inactive)/m.test(request.body || "");
      },
      onRefer: (referral) => {
        referral
          .accept()
          .then(() => {
            const inviter = referral.makeInviter(media(false));
            const placed = this.add("out", referral.referTo.uri.toRaw ? referral.referTo.uri.toRaw() : String(referral.referTo.uri));
            this.watch(placed, inviter);
            return this.invite(placed, inviter);
          })
          .catch((error) => (call.cause = String(error)));
      },
    };
    call.note = undefined;
  }

  invite(call, inviter, options = {}) {
    return inviter.invite({
      ...options,
      requestDelegate: {
        onProgress: ({ message }) => {
          if (message.statusCode >= 180 && call.state === "calling") call.state = "ringing";
        },
        onReject: ({ message }) => {
          call.status = message.statusCode;
          call.cause = message.reasonPhrase;
          call.endedBy = call.endedBy || "remote";
        },
      },
    });
  }

  call(target, { video = false } = {}) {
    const call = this.add("out", target);
    const inviter = new Inviter(this.agent, UserAgent.makeURI(target), media(video));
    this.watch(call, inviter);
    this.invite(call, inviter).catch((error) => call.ended(error, "local"));
    return call.index;
  }

  answer(index, { video = false } = {}) {
    return this.calls[index].session.accept(media(video));
  }

  reject(index, status = 486) {
    return this.calls[index].session.reject({ statusCode: status });
  }

  hangup(index) {
    const { session } = this.calls[index];
    this.calls[index].endedBy = "local";
    switch (session.state) {
      case SessionState.Initial:
      case SessionState.Establishing:
        return (session instanceof Inviter ? session.cancel() : session.reject()).then(() => undefined);
      default:
        return session.bye().then(() => undefined);
    }
  }

  reinvite(call, hold) {
    return call.session
      .invite({
        sessionDescriptionHandlerOptions: { ...media(false).sessionDescriptionHandlerOptions, hold },
        requestDelegate: { onAccept: () => (call.localHold = hold) },
      })
      .then(() => undefined);
  }

  hold(index) {
    return this.reinvite(this.calls[index], true);
  }

  unhold(index) {
    return this.reinvite(this.calls[index], false);
  }

  async dtmf(index, tones) {
    for (const tone of tones) {
      await this.calls[index].session.info({
        requestOptions: {
          body: {
            contentDisposition: "render",
            contentType: "application/dtmf-relay",
            content: `Signal=${tone}\r\nDuration=100`,
          },
        },
      });
    }
  }

  refer(index, target) {
    this.transferring(this.calls[index], UserAgent.makeURI(target));
  }

  transfer(index, other) {
    this.transferring(this.calls[index], this.calls[other].session);
  }

  transferring(call, target) {
    call.session
      .refer(target, {
        onNotify: (notification) => {
          const line = /^SIP\/2.0 (\d+)/.exec(notification.request.body || "");
          if (line) call.refers.push(Number(line[1]));
          notification.accept();
        },
        requestDelegate: {
          onAccept: ({ message }) => call.refers.push(message.statusCode),
          onReject: ({ message }) => call.refers.push(message.statusCode),
        },
      })
      .catch((error) => call.refers.push(String(error)));
  }

  message(target, body, type = "text/plain") {
    const entry = { target, status: null };
    this.sent.push(entry);
    new Messager(this.agent, UserAgent.makeURI(target), body, type)
      .message({
        requestDelegate: {
          onAccept: ({ message }) => (entry.status = message.statusCode),
          onReject: ({ message }) => (entry.status = message.statusCode),
        },
      })
      .catch((error) => (entry.status = String(error)));
    return this.sent.length - 1;
  }

  connection(index) {
    return this.calls[index].session.sessionDescriptionHandler.peerConnection;
  }
}
