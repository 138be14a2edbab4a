import { short } from "../address";
import type { Line } from "../chat";
import type { Phone } from "../phone";
import { button } from "./button";
import { moment } from "./clock";
import { arrange, el, text } from "./dom";

/** Conversations, and the one that is open. */
export class ChatPanel {
  readonly element: HTMLElement;
  private readonly peer = el("input", {
    id: "chat-peer",
    testid: "chat-peer",
    type: "text",
    placeholder: "bob",
    attributes: { autocapitalize: "none", autocomplete: "off", spellcheck: "false", inputmode: "email" },
  });
  private readonly others = el("div", { className: "conversations", attributes: { "aria-label": "Conversations" } });
  private readonly lines = el("ol", { className: "lines", testid: "chat-messages", attributes: { "aria-live": "polite" } });
  private readonly words = el("textarea", {
    id: "chat-text",
    testid: "chat-text",
    rows: 1,
    placeholder: "Message",
    attributes: { "aria-label": "Message" },
  });
  private readonly drawn = new Map<Line, HTMLElement>();

  constructor(private readonly phone: Phone) {
    const form = el(
      "form",
      { className: "write" },
      this.words,
      button("Send", { icon: "send", kind: "go", testid: "chat-send" }, () => this.send()),
    );
    form.addEventListener("submit", (event) => event.preventDefault());
    this.words.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.send();
      }
    });
    this.peer.addEventListener("change", () => {
      if (this.peer.value.trim()) {
        phone.chat.open(phone.chat.resolve(this.peer.value));
      }
    });
    this.element = el(
      "section",
      { className: "card panel chat", testid: "panel-chat", attributes: { "aria-label": "Chat" } },
      el("div", { className: "field" }, el("label", { htmlFor: "chat-peer" }, "With"), this.peer),
      this.others,
      this.lines,
      form,
    );
    phone.chat.on("change", () => this.draw());
    this.draw();
  }

  /** On a wide screen it is in sight without having been chosen. */
  get visible(): boolean {
    return this.element.getClientRects().length > 0;
  }

  /** Brings a conversation up, and the cursor into it. */
  open(target: string): void {
    if (target.trim()) {
      this.phone.chat.open(this.phone.chat.resolve(target));
      this.words.focus();
    } else {
      this.peer.focus();
    }
  }

  private send(): void {
    const words = this.words.value.trim();
    const peer = this.peer.value.trim();
    if (!peer) {
      this.peer.focus();
    } else if (words) {
      this.words.value = "";
      this.phone.chat.send(peer, words);
    }
  }

  private draw(): void {
    const { chat, domain } = this.phone;
    if (chat.current && this.phone.chat.resolve(this.peer.value || "-") !== chat.current) {
      this.peer.value = short(chat.current, domain);
    }
    arrange(this.others, [...chat.conversations.keys()].reverse().map((peer) => this.conversation(peer)));
    const lines = chat.conversations.get(chat.current) ?? [];
    const empty = el("li", { className: "empty" }, chat.current ? "No messages yet" : "Write to somebody, or wait for a message");
    arrange(this.lines, lines.length ? lines.map((line) => this.line(line)) : [empty]);
    this.lines.scrollTop = this.lines.scrollHeight;
  }

  private conversation(peer: string): HTMLElement {
    const unread = this.phone.chat.unread.get(peer) ?? 0;
    const name = short(peer, this.phone.domain);
    const element = el(
      "button",
      {
        type: "button",
        className: "chip",
        testid: "chat-conversation",
        attributes: { "data-peer": peer, "aria-pressed": String(peer === this.phone.chat.current) },
      },
      el("span", {}, name),
      unread > 0 && el("span", { className: "badge" }, String(unread)),
    );
    element.addEventListener("click", () => this.open(peer));
    return element;
  }

  private line(line: Line): HTMLElement {
    const note = line.status === "sending" ? "Sending…" : line.status === "failed" ? line.problem : moment(line.at);
    let element = this.drawn.get(line);
    if (!element) {
      element = el(
        "li",
        { className: "message", testid: "chat-message", attributes: { "data-direction": line.direction, "data-peer": this.phone.chat.current } },
        el("p", {}, line.text),
        el("small"),
      );
      this.drawn.set(line, element);
    }
    element.dataset["status"] = line.status;
    text(element.lastElementChild as HTMLElement, note);
    return element;
  }
}
