import JsSIP from "jssip";
import { Phone, constraints } from "./record.js";

export class JssipPhone extends Phone {
  constructor(options) {
    super(options);
    const socket = new JsSIP.WebSocketInterface(options.server);
    this.agent = new JsSIP.UA({
      sockets: [socket],
      uri: options.uri,
      password: options.password,
      register: options.register !== false,
      register_expires: options.expires || 600,
      no_answer_timeout: options.noAnswer || 60,
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: 2,
      ...(options.jssip || {}),
    });
    const agent = this.agent;
    agent.on("connected", () => (this.connected = true));
    agent.on("disconnected", () => {
      this.connected = false;
      this.disconnects += 1;
    });
    agent.on("registered", () => {
      this.registered = true;
      this.registrations += 1;
      this.registration = { status: 200, cause: "" };
    });
    agent.on("unregistered", () => (this.registered = false));
    agent.on("registrationFailed", (event) => {
      this.registered = false;
      this.registration = { status: event.response ? event.response.status_code : null, cause: event.cause };
    });
    agent.on("newRTCSession", ({ originator, session, request }) => {
      if (originator === "remote") this.watch(this.add("in", request.from.uri.toString()), session);
      else if (!this.placing) this.watch(this.add("out", request.to.uri.toString()), session); // by a REFER
    });
    agent.on("newMessage", ({ originator, request }) => {
      if (originator !== "remote") return;
      this.messages.push({
        from: request.from.uri.toString(),
        type: request.getHeader("Content-Type"),
        body: request.body,
      });
    });
  }

  watch(call, session) {
    call.session = session;
    session.on("progress", ({ originator, response }) => {
      if (originator === "remote" && response.status_code >= 180 && call.state === "calling") call.state = "ringing";
    });
    session.on("confirmed", () => {
      if (call.state !== "ended") call.state = "established";
    });
    const ended = ({ originator, message, cause }) => {
      if (message && message.getHeaders) call.reasons.push(...message.getHeaders("Reason"));
      call.ended(cause, originator, message && message.status_code);
    };
    session.on("ended", ended);
    session.on("failed", ended);
    session.on("hold", ({ originator }) => (call[originator === "local" ? "localHold" : "remoteHold"] = true));
    session.on("unhold", ({ originator }) => (call[originator === "local" ? "localHold" : "remoteHold"] = false));
    session.on("newDTMF", ({ originator, dtmf }) => {
      if (originator === "remote") call.dtmf += dtmf.tone;
    });
    session.on("refer", (event) => {
      event.accept(null, { mediaConstraints: constraints(false) });
    });
    session.on("replaces", (event) => {
      event.accept((replacing) => {
        call.replaced = true;
        // init_incoming announces the session itself: it stands in our list by then
        setTimeout(() => replacing.answer({ mediaConstraints: constraints(false) }), 0);
      });
    });
  }

  start() {
    this.agent.start();
  }

  stop() {
    this.agent.stop();
  }

  register() {
    this.agent.register();
  }

  unregister(all = false) {
    this.agent.unregister({ all });
  }

  call(target, { video = false, anonymous = false } = {}) {
    const call = this.add("out", target);
    this.placing = true;
    try {
      this.watch(call, this.agent.call(target, { anonymous, mediaConstraints: constraints(video) }));
    } finally {
      this.placing = false;
    }
    return call.index;
  }

  answer(index, { video = false } = {}) {
    this.calls[index].session.answer({ mediaConstraints: constraints(video) });
  }

  reject(index, status = 486) {
    this.calls[index].session.terminate({ status_code: status });
  }

  hangup(index) {
    this.calls[index].session.terminate();
  }

  hold(index) {
    return this.reoffer(this.calls[index].session, "hold");
  }

  unhold(index) {
    return this.reoffer(this.calls[index].session, "unhold");
  }

  /** Done when the re-INVITE was answered; an offer still under way is waited for. */
  async reoffer(session, what) {
    const end = performance.now() + 8000;
    while (!session.isReadyToReOffer() && performance.now() < end) await new Promise((go) => setTimeout(go, 50));
    await new Promise((done, failed) => {
      setTimeout(() => failed(new Error(`${what}: no answer`)), end - performance.now());
      if (!session[what]({}, done)) failed(new Error(`${what}: not possible now`));
    });
  }

  dtmf(index, tones) {
    this.calls[index].session.sendDTMF(tones, { duration: 70, interToneGap: 50, transportType: "INFO" });
  }

  refer(index, target) {
    this.transferring(this.calls[index], target, {});
  }

  transfer(index, other) {
    const consulted = this.calls[other].session;
    this.transferring(this.calls[index], consulted.remote_identity.uri.toString(), { replaces: consulted });
  }

  transferring(call, target, options) {
    call.session.refer(target, {
      ...options,
      eventHandlers: {
        requestSucceeded: ({ response }) => call.refers.push(response.status_code),
        requestFailed: ({ cause }) => call.refers.push(cause),
        trying: () => call.refers.push("trying"),
        progress: ({ status_line }) => call.refers.push(status_line.status_code),
        accepted: ({ status_line }) => call.refers.push(status_line.status_code),
        failed: ({ status_line }) => call.refers.push(status_line.status_code),
      },
    });
  }

  /** What becomes of the registrations of a user; `told` has every document, and how it ended. */
  watchRegistrations(target, expires = 120) {
    this.told = [];
    this.subscriber = this.agent.subscribe(target, "reg", "application/reginfo+xml", { expires });
    this.subscriber.on("notify", (final, request, body) => this.told.push({ final, body }));
    this.subscriber.on("terminated", (code, reason) => this.told.push({ final: true, body: "", reason: reason || code }));
    this.subscriber.subscribe();
  }

  watchNoMore() {
    this.subscriber.terminate();
  }

  message(target, body, type = "text/plain") {
    const entry = { target, status: null };
    this.sent.push(entry);
    this.agent.sendMessage(target, body, {
      contentType: type,
      eventHandlers: {
        succeeded: ({ response }) => (entry.status = response.status_code),
        failed: ({ response, cause }) => (entry.status = response ? response.status_code : cause),
      },
    });
    return this.sent.length - 1;
  }

  connection(index) {
    return this.calls[index].session.connection;
  }
}
