import { short } from "../address";
import type { Call } from "../call";
import type { Phone } from "../phone";
import { button, press, relabel } from "./button";
import { duration } from "./clock";
import { el, show, text } from "./dom";
import { Keypad } from "./keypad";
import { transferBox } from "./transfer-box";

/** One call on the screen. */
export class CallCard {
  readonly element: HTMLElement;
  private readonly peer = el("strong", { testid: "call-peer" });
  private readonly status = el("span", { testid: "call-status", attributes: { role: "status" } });
  private readonly timer = el("span", { className: "timer", testid: "call-timer" });
  private readonly remoteVideo = el("video", { testid: "remote-video", autoplay: true, playsInline: true, muted: true });
  private readonly localVideo = el("video", { testid: "local-video", autoplay: true, playsInline: true, muted: true });
  private readonly stage = el("div", { className: "stage" }, this.remoteVideo, this.localVideo);
  private readonly audio = el("audio", { testid: "remote-audio", autoplay: true });
  private readonly keypad: Keypad;
  private readonly transfer: HTMLElement;
  private readonly buttons: Record<string, HTMLButtonElement>;
  private readonly controls: HTMLElement;
  private readonly ticking: number;

  constructor(
    private readonly phone: Phone,
    private readonly call: Call,
    private readonly complain: (words: string) => void,
  ) {
    this.keypad = new Keypad((digit) => {
      phone.ringer.key(digit);
      call.dial(digit);
    });
    this.transfer = transferBox(
      (target) => this.attempt(() => phone.calls.transfer(call, target)),
      (target) => this.attempt(() => phone.calls.consult(call, target)),
    );
    this.buttons = this.makeButtons();
    this.controls = el("div", { className: "controls" }, ...Object.values(this.buttons));
    this.audio.srcObject = call.remote;
    this.element = el(
      "article",
      { className: "card call", testid: "call" },
      this.stage,
      el("div", { className: "who" }, this.peer, el("div", { className: "line" }, this.status, this.timer)),
      this.controls,
      this.keypad.element,
      this.transfer,
      this.audio,
    );
    call.on("change", () => this.draw());
    this.ticking = window.setInterval(() => this.tick(), 500);
    call.on("end", () => clearInterval(this.ticking));
    this.draw();
  }

  private makeButtons(): Record<string, HTMLButtonElement> {
    const { phone, call } = this;
    return {
      answer: button("Answer", { icon: "phone", caption: "Answer", kind: "go", testid: "call-answer" }, () => phone.calls.answer(call, false)),
      answerVideo: button("Answer with video", { icon: "video", caption: "Video", kind: "go", testid: "call-answer-video" }, () => phone.calls.answer(call, true)),
      reject: button("Decline", { icon: "hangUp", caption: "Decline", kind: "stop", testid: "call-reject" }, () => call.hangUp()),
      mute: button("Mute", { icon: "microphone", kind: "round", testid: "call-mute" }, () => call.mute(!call.muted)),
      camera: button("Camera off", { icon: "video", kind: "round", testid: "call-camera" }, () => call.camera(call.cameraOff)),
      hold: button("Hold", { icon: "hold", kind: "round", testid: "call-hold" }, () => this.toggleHold()),
      keypad: button("Keypad", { icon: "keypad", kind: "round", testid: "call-keypad" }, () => this.toggle("keypad", this.keypad.element)),
      transfer: button("Transfer", { icon: "transfer", kind: "round", testid: "call-transfer" }, () => this.toggle("transfer", this.transfer)),
      complete: button("Connect the two", { icon: "join", caption: "Connect them", kind: "go wide", testid: "transfer-complete" }, () => phone.calls.complete(call)),
      hangUp: button("Hang up", { icon: "hangUp", kind: "round stop", testid: "call-hangup" }, () => call.hangUp()),
    };
  }

  private attempt(action: () => void): void {
    try {
      action();
      show(this.transfer, false);
      press(this.buttons["transfer"]!, false);
    } catch (error) {
      this.complain((error as Error).message);
    }
  }

  private toggleHold(): void {
    if (this.call.held.local) {
      this.phone.calls.resume(this.call);
    } else {
      this.call.hold(true);
    }
  }

  private toggle(name: string, box: HTMLElement): void {
    show(box, box.hidden);
    press(this.buttons[name]!, !box.hidden);
    box.querySelector("input")?.focus();
  }

  private draw(): void {
    const { call } = this;
    const data = this.element.dataset;
    data["state"] = call.state;
    data["direction"] = call.direction;
    data["peer"] = call.peer;
    data["held"] = call.held.local ? (call.held.remote ? "both" : "local") : call.held.remote ? "remote" : "none";
    data["muted"] = String(call.muted);
    data["video"] = String(call.video);
    data["consult"] = String(Boolean(call.consultsFor?.live));
    data["cause"] = call.cause;
    const address = short(call.peer, this.phone.domain);
    text(this.peer, call.name && call.name !== address ? `${call.name} (${address})` : address);
    text(this.status, this.words());
    this.drawButtons();
    this.drawVideo();
    this.keypad.draw(call.digits);
    this.tick();
  }

  private drawButtons(): void {
    const { call, buttons } = this;
    const incoming = call.state === "incoming";
    show(this.controls, call.live);
    for (const name of ["answer", "reject"]) {
      show(buttons[name]!, incoming);
    }
    show(buttons["answerVideo"]!, incoming && call.video);
    for (const name of ["mute", "hold", "keypad", "transfer"]) {
      show(buttons[name]!, call.state === "active");
    }
    show(buttons["camera"]!, call.state === "active" && call.local.getVideoTracks().length > 0);
    show(buttons["complete"]!, call.state === "active" && Boolean(call.consultsFor?.live));
    show(buttons["hangUp"]!, call.live && !incoming);
    if (call.state !== "active") {
      show(this.keypad.element, false);
      show(this.transfer, false);
    }
    press(buttons["mute"]!, call.muted);
    relabel(buttons["mute"]!, call.muted ? "muted" : "microphone", call.muted ? "Unmute" : "Mute");
    press(buttons["camera"]!, call.cameraOff);
    relabel(buttons["camera"]!, call.cameraOff ? "videoOff" : "video", call.cameraOff ? "Camera on" : "Camera off");
    press(buttons["hold"]!, call.held.local);
    relabel(buttons["hold"]!, call.held.local ? "resume" : "hold", call.held.local ? "Resume" : "Hold");
  }

  private drawVideo(): void {
    const { call } = this;
    const remote = call.remote.getVideoTracks().length > 0;
    const local = call.established ? call.local : new MediaStream();
    show(this.stage, call.established && call.video && (remote || local.getVideoTracks().length > 0));
    if (this.remoteVideo.srcObject === null && remote) {
      this.remoteVideo.srcObject = call.remote;
    }
    if (this.localVideo.srcObject === null && local.getVideoTracks().length > 0) {
      this.localVideo.srcObject = local;
    }
    show(this.localVideo, this.localVideo.srcObject !== null && !call.cameraOff);
  }

  private words(): string {
    const { call } = this;
    if (call.note) {
      return call.note;
    }
    switch (call.state) {
      case "calling":
        return "Calling…";
      case "ringing":
        return "It rings there…";
      case "incoming":
        return call.video ? "Video call for you" : "Call for you";
      case "connecting":
        return "Connecting…";
      case "active":
        return call.held.local ? "On hold" : call.held.remote ? "The other side has put you on hold" : call.muted ? "Muted" : "In call";
      default:
        return call.cause || "Call ended";
    }
  }

  private tick(): void {
    const { answeredAt, endedAt } = this.call;
    text(this.timer, answeredAt ? duration(((endedAt || Date.now()) - answeredAt) / 1000) : "");
  }
}
