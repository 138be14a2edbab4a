import type { RTCSession } from "jssip/lib/RTCSession";
import { plain } from "./address";
import { explain, explainMedia } from "./causes";
import type { Answer } from "./causes";
import { Emitter } from "./emitter";
import type { Ice } from "./ice";
import { GATHERING, constraints, offersVideo } from "./media";

export type CallState = "calling" | "ringing" | "incoming" | "connecting" | "active" | "ended";
export type Outcome = "answered" | "missed" | "declined" | "failed" | "cancelled";

interface Events {
  /** Anything that is shown has changed. */
  change: void;
  /** It is over; nothing changes any more. */
  end: void;
}

/** One call: a JsSIP session, and what people want to know about it. */
export class Call extends Emitter<Events> {
  state: CallState;
  readonly direction: "in" | "out";
  readonly peer: string;
  readonly name: string;
  video: boolean;
  muted = false;
  cameraOff = false;
  held = { local: false, remote: false };
  /** When it was answered, in milliseconds since 1970; 0 before. */
  answeredAt = 0;
  endedAt = 0;
  /** How it ended, in words; empty for an ordinary end. */
  cause = "";
  outcome: Outcome = "failed";
  /** A line about something under way, such as a transfer. */
  note = "";
  digits = "";
  /** The call that this one was made to transfer. */
  consultsFor: Call | undefined;
  readonly remote = new MediaStream();
  private hungUp = false;
  private mediaProblem = "";

  constructor(
    readonly session: RTCSession,
    video: boolean,
    private readonly ice: Ice,
  ) {
    super();
    this.direction = session.direction === "incoming" ? "in" : "out";
    this.state = this.direction === "in" ? "incoming" : "calling";
    this.video = video;
    this.peer = plain(session.remote_identity.uri.toString());
    this.name = session.remote_identity.display_name || "";
    this.listen();
  }

  /** The camera's and microphone's tracks that are being sent. */
  get local(): MediaStream {
    const tracks = (this.session.connection?.getSenders() ?? []).map((sender) => sender.track);
    return new MediaStream(tracks.filter((track): track is MediaStreamTrack => track !== null));
  }

  get live(): boolean {
    return this.state !== "ended";
  }

  get established(): boolean {
    return this.state === "active" || this.state === "connecting";
  }

  answer(video: boolean): void {
    if (this.state === "incoming") {
      this.video = video;
      this.become("connecting");
      this.session.answer({ mediaConstraints: constraints(video), pcConfig: this.ice.configuration });
    }
  }

  /** Ends it in whatever way its state wants: cancel, decline or hang up. */
  hangUp(): void {
    if (this.live) {
      this.hungUp = true;
      this.session.terminate(this.state === "incoming" ? { status_code: 486, reason_phrase: "Busy Here" } : {});
    }
  }

  /** The connection is gone, and with it JsSIP's means to answer what rang: on the next one the server rings anew. */
  drop(): void {
    if (this.state === "incoming") {
      this.session.terminate();
    }
  }

  mute(on: boolean): void {
    this.session[on ? "mute" : "unmute"]({ audio: true });
  }

  camera(on: boolean): void {
    this.session[on ? "unmute" : "mute"]({ video: true });
  }

  hold(on: boolean): void {
    if (this.state === "active" && this.held.local !== on) {
      this.session[on ? "hold" : "unhold"]();
    }
  }

  dial(digit: string): void {
    if (this.established) {
      this.session.sendDTMF(digit);
      this.digits += digit;
      this.emit("change", undefined);
    }
  }

  say(note: string): void {
    this.note = note;
    this.emit("change", undefined);
  }

  private listen(): void {
    const session = this.session;
    if (session.connection) {
      this.watch(session.connection);
    }
    session.on("peerconnection", ({ peerconnection }) => this.watch(peerconnection));
    let gathering: number | undefined;
    session.on("icecandidate", ({ ready }) => {
      gathering ??= window.setTimeout(ready, GATHERING);
    });
    session.on("progress", (event: object) => {
      if ((event as { response?: Answer }).response?.status_code === 180) {
        this.become("ringing");
      }
    });
    session.on("accepted", () => {
      this.answeredAt = Date.now();
      this.become("connecting");
    });
    session.on("confirmed", () => this.become("active"));
    for (const event of ["hold", "unhold"] as const) {
      session.on(event, () => this.look());
    }
    for (const event of ["muted", "unmuted"] as const) {
      session.on(event, () => this.look());
    }
    session.on("sdp", ({ originator, sdp }) => this.seeVideo(originator, sdp));
    session.on("getusermediafailed", (error: unknown) => {
      this.mediaProblem = explainMedia(error);
    });
    session.on("ended", ({ originator, cause }) => this.finish(originator, cause, null));
    session.on("failed", ({ originator, cause, message }) => this.finish(originator, cause, message as Answer | null));
  }

  private watch(connection: RTCPeerConnection): void {
    connection.addEventListener("track", ({ track }) => {
      this.remote.addTrack(track);
      track.addEventListener("unmute", () => this.emit("change", undefined));
      this.emit("change", undefined);
    });
  }

  /** The other side's answer decides whether there is a picture. */
  private seeVideo(originator: string, sdp: string): void {
    if (originator === "remote" && this.direction === "out") {
      this.video = offersVideo(sdp);
    }
  }

  private look(): void {
    this.held = this.session.isOnHold();
    const muted = this.session.isMuted();
    this.muted = Boolean(muted.audio);
    this.cameraOff = Boolean(muted.video);
    this.emit("change", undefined);
  }

  private become(state: CallState): void {
    if (this.live) {
      this.state = state;
      this.emit("change", undefined);
    }
  }

  private finish(originator: string, cause: string, message: Answer | null): void {
    if (!this.live) {
      return;
    }
    this.endedAt = Date.now();
    this.outcome = this.judge(cause, message);
    const ordinary = this.outcome === "answered" && ["Terminated", "Canceled"].includes(cause);
    const byUs = originator === "local" && this.hungUp;
    this.cause = this.mediaProblem || (ordinary || byUs ? "" : explain(cause, message));
    this.state = "ended";
    this.note = "";
    this.emit("change", undefined);
    this.emit("end", undefined);
  }

  private judge(cause: string, message: Answer | null): Outcome {
    if (this.answeredAt) {
      return "answered";
    }
    if (this.direction === "in") {
      return this.hungUp ? "declined" : "missed";
    }
    if (this.hungUp || cause === "Canceled") {
      return "cancelled";
    }
    return [486, 600, 603].includes(message?.status_code ?? 0) ? "declined" : "failed";
  }
}
