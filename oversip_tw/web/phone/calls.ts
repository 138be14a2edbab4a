import type { RTCSession } from "jssip/lib/RTCSession";
import type { Account } from "./account";
import { toUri } from "./address";
import { Call } from "./call";
import { explain } from "./causes";
import type { Answer } from "./causes";
import { Emitter } from "./emitter";
import { constraints, missing, offersVideo } from "./media";

interface Events {
  /** A call came or went. */
  change: void;
  begin: Call;
  end: Call;
  /** Something to tell that belongs to no call on the screen. */
  notice: string;
}

interface Referral {
  request: { refer_to?: { uri: { toString(): string } } };
  accept: (init: (session: RTCSession) => void, options?: object) => void;
  reject: () => void;
}

/** How long an ended call stays on the screen. */
const LINGER = 4000;

/** All calls of the account, oldest first. */
export class Calls extends Emitter<Events> {
  readonly list: Call[] = [];
  /** Sessions that another one turned into: picked up without asking, with the kind of call that it replaces. */
  private readonly heirs = new Map<RTCSession, Call>();
  /** The next outgoing session is a video call. */
  private dialsVideo = false;

  constructor(readonly account: Account) {
    super();
    account.ua.on("newRTCSession", ({ session }: { session: RTCSession }) => this.begin(session));
    account.ua.on("disconnected", () => this.list.forEach((call) => call.drop()));
    window.addEventListener("pagehide", () => this.leave());
  }

  /** The page goes, and its calls with it: nobody is to sit in one with a page that knows nothing of it any more. What
   * still comes in rings on in the next page, if this is a reload. */
  private leave(): void {
    for (const call of this.live) {
      if (call.state !== "incoming") {
        call.hangUp();
      }
    }
  }

  get live(): Call[] {
    return this.list.filter((call) => call.live);
  }

  /** Calls `target`. Everybody else is put on hold. Raises Error with words for the user. */
  dial(target: string, video: boolean, consultsFor?: Call): void {
    const problem = missing();
    if (problem) {
      throw new Error(problem);
    }
    this.holdOthers();
    this.dialsVideo = video;
    const uri = toUri(target, this.account.credentials.domain);
    try {
      const pcConfig = this.account.ice.configuration;
      const session = this.account.ua.call(uri, { mediaConstraints: constraints(video), pcConfig });
      const call = this.list.find((one) => one.session === session);
      if (call) {
        call.consultsFor = consultsFor;
        this.emit("change", undefined);
      }
    } catch {
      throw new Error(`"${target}" is not an address this phone can call`);
    }
  }

  answer(call: Call, video: boolean): void {
    this.holdOthers(call);
    call.answer(video);
  }

  /** Takes `call` off hold, and puts the others on. */
  resume(call: Call): void {
    this.holdOthers(call);
    call.hold(false);
  }

  /** Blind transfer: the other side calls `target` itself. */
  transfer(call: Call, target: string): void {
    this.refer(call, toUri(target, this.account.credentials.domain));
  }

  /** Attended transfer, first half: ask `target` while `call` waits. */
  consult(call: Call, target: string): void {
    this.dial(target, false, call);
  }

  /** Attended transfer, second half: join the two others, and leave. */
  complete(consultation: Call): void {
    const call = consultation.consultsFor;
    if (call?.live) {
      this.refer(call, consultation.session.remote_identity.uri.toString(), consultation);
    }
  }

  private refer(call: Call, target: string, consultation?: Call): void {
    const failed = (words: string) => {
      call.say("");
      this.emit("notice", `Transfer failed: ${words}`);
    };
    call.say("Transferring…");
    call.session.refer(target, {
      ...(consultation ? { replaces: consultation.session } : {}),
      eventHandlers: {
        requestFailed: ({ response, cause }: { response: Answer | null; cause: string }) => failed(explain(cause, response)),
        progress: () => call.say("Transferring: it rings there"),
        failed: ({ status_line }: { status_line: Answer }) => failed(explain(undefined, status_line)),
        accepted: () => {
          this.emit("notice", "Transferred");
          call.hangUp();
          consultation?.hangUp();
        },
      },
    });
  }

  private holdOthers(but?: Call): void {
    for (const call of this.list) {
      if (call !== but) {
        call.hold(true);
      }
    }
  }

  private begin(session: RTCSession): void {
    const before = this.heirs.get(session);
    this.heirs.delete(session);
    const offer = session.direction === "incoming" ? (session as unknown as { _request: { body: string } })._request.body : null;
    const video = before ? before.video : offer === null ? this.dialsVideo : offersVideo(offer);
    const call = new Call(session, video, this.account.ice);
    this.list.push(call);
    session.on("refer", (referral) => this.referred(call, referral as unknown as Referral));
    session.on("replaces", (replacement) => this.replaced(call, replacement as unknown as Referral));
    call.on("change", () => this.emit("change", undefined));
    call.on("end", () => this.ended(call));
    this.emit("begin", call);
    this.emit("change", undefined);
    if (before && call.direction === "in") {
      // JsSIP is still inside its own handling of the INVITE.
      setTimeout(() => call.answer(video));
    }
  }

  /** The other side asks us to call somebody else instead. */
  private referred(call: Call, referral: Referral): void {
    this.dialsVideo = call.video;
    this.emit("notice", "You are being transferred");
    referral.accept((session) => this.heirs.set(session, call), {
      mediaConstraints: constraints(call.video),
      pcConfig: this.account.ice.configuration,
    });
  }

  /** Somebody else takes the other side's place. */
  private replaced(call: Call, replacement: Referral): void {
    replacement.accept((session) => this.heirs.set(session, call));
  }

  private ended(call: Call): void {
    this.emit("end", call);
    const waiting = call.consultsFor;
    if (waiting?.live && waiting.note === "") {
      // The consultation came to nothing: back to the one who waits.
      this.resume(waiting);
    }
    window.setTimeout(() => {
      this.list.splice(this.list.indexOf(call), 1);
      this.emit("change", undefined);
    }, LINGER);
  }
}
