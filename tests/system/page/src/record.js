// What both phones remember, in values that can be sent to the tests as JSON.

export const VIDEO = { width: 160, height: 120, frameRate: 10 };

export function constraints(video) {
  return { audio: true, video: video ? VIDEO : false };
}

/** Every SIP message of this page's WebSockets, as [seconds, "in" | "out", text]. */
export const wire = [];

const began = performance.now();

function note(way, data) {
  wire.push([(performance.now() - began) / 1000, way, typeof data === "string" ? data : "(binary)"]);
}

/** Replace WebSocket by one that writes down what passes. */
export function tapWebSockets() {
  const Plain = window.WebSocket;
  window.WebSocket = class extends Plain {
    constructor(...args) {
      super(...args);
      window.sockets = (window.sockets || 0) + 1;
      this.addEventListener("message", (event) => note("in", event.data));
      this.addEventListener("close", (event) => note("close", `${event.code} ${event.reason}`));
    }

    send(data) {
      note("out", data);
      super.send(data);
    }
  };
}

/** One call as the tests see it. state: calling, ringing, incoming, established, ended. */
export class Call {
  constructor(index, direction, remote) {
    this.index = index;
    this.direction = direction;
    this.remote = remote;
    this.state = direction === "out" ? "calling" : "incoming";
    this.status = null; // of the final response that ended it, when there was one
    this.cause = ""; // why it ended
    this.endedBy = ""; // local, remote, system
    this.reasons = []; // Reason headers of CANCEL and BYE
    this.localHold = false;
    this.remoteHold = false;
    this.dtmf = ""; // tones heard by INFO
    this.refers = []; // how a transfer asked for by us goes on: status codes of the NOTIFYs
    this.replaced = false;
  }

  ended(cause, by, status) {
    if (this.state === "ended") return;
    this.state = "ended";
    this.cause = String(cause);
    this.endedBy = by;
    if (status) this.status = status;
  }
}

/** Bytes and packets by kind of media, and how many pictures were decoded. */
export async function mediaStatistics(connection) {
  const sums = {
    audio: { sent: 0, received: 0, energy: 0 },
    video: { sent: 0, received: 0, frames: 0 },
    ice: connection.iceConnectionState,
    dtls: "",
  };
  for (const report of (await connection.getStats()).values()) {
    if (report.type === "outbound-rtp") sums[report.kind].sent += report.bytesSent;
    if (report.type === "inbound-rtp") {
      sums[report.kind].received += report.bytesReceived;
      if (report.kind === "audio") sums.audio.energy += report.totalAudioEnergy || 0;
      else sums.video.frames += report.framesDecoded || 0;
    }
    if (report.type === "transport") sums.dtls = report.dtlsState;
  }
  return sums;
}

/** The part that does not depend on the library. */
export class Phone {
  constructor(options) {
    this.options = options;
    this.connected = false;
    this.registered = false;
    this.registration = { status: null, cause: "" };
    this.calls = [];
    this.messages = []; // received: {from, type, body}
    this.sent = []; // {target, status}: status null while under way
    this.registrations = 0; // how often a 2xx to REGISTER came
    this.disconnects = 0;
  }

  snapshot() {
    const { connected, registered, registration, messages, sent, registrations, disconnects } = this;
    const calls = this.calls.map((each) => ({ ...each, session: undefined, library: undefined }));
    return JSON.parse(JSON.stringify({ connected, registered, registration, messages, sent, registrations, disconnects, calls }));
  }

  add(direction, remote) {
    const call = new Call(this.calls.length, direction, remote);
    Object.defineProperty(call, "session", { value: null, writable: true, enumerable: false });
    this.calls.push(call);
    return call;
  }

  callOf(session) {
    return this.calls.find((each) => each.session === session);
  }

  async stats(index) {
    return mediaStatistics(this.connection(index));
  }
}
