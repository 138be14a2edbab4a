import { short } from "../address";
import type { Call } from "../call";
import type { Phone } from "../phone";
import { CallCard } from "./call-card";
import { ChatPanel } from "./chat-panel";
import { Dialer } from "./dialer";
import { arrange, el } from "./dom";
import { header } from "./header";
import { HistoryPanel } from "./history-panel";
import { Notice } from "./notice";
import { Tabs } from "./tabs";

/** The page of somebody who is logged in. */
export class Shell {
  readonly element: HTMLElement;
  readonly notice = new Notice();
  private readonly cards = new Map<Call, CallCard>();
  private readonly calls = el("div", { className: "calls", testid: "calls", attributes: { "aria-label": "Calls" } });
  private readonly tabs: Tabs;
  private readonly chat: ChatPanel;

  constructor(
    private readonly phone: Phone,
    logOut: () => void,
  ) {
    const complain = (words: string) => this.notice.say(words);
    const chat = new ChatPanel(phone);
    this.chat = chat;
    const toChat = (target: string) => {
      this.tabs.choose("chat");
      chat.open(target);
    };
    const dialer = new Dialer(phone, complain, toChat);
    const history = new HistoryPanel(phone, (peer, video) => {
      this.tabs.choose("phone");
      dialer.call(peer, video);
    });
    const main = el(
      "main",
      { className: "panels" },
      el("section", { className: "panel", testid: "panel-phone", attributes: { "aria-label": "Phone" } }, this.calls, dialer.element),
      chat.element,
      history.element,
    );
    this.element = el("div", { className: "shell" });
    this.tabs = new Tabs((tab) => {
      this.element.dataset["tab"] = tab;
      this.read();
    });
    this.element.append(header(phone.account, logOut), this.notice.element, main, this.tabs.element);
    this.tabs.choose("phone");
    phone.calls.on("begin", (call) => {
      this.cards.set(call, new CallCard(phone, call, complain));
      this.tabs.choose("phone");
    });
    phone.calls.on("change", () => this.draw());
    phone.calls.on("notice", complain);
    phone.chat.on("change", () => this.tabs.unread(phone.chat.unreadCount));
    phone.chat.on("arrived", ({ peer, text }) => this.arrived(peer, text));
    this.draw();
  }

  private draw(): void {
    for (const call of this.cards.keys()) {
      if (!this.phone.calls.list.includes(call)) {
        this.cards.delete(call);
      }
    }
    // What needs an answer stands first.
    const shown = [...this.cards.keys()].reverse().sort((a, b) => Number(b.state === "incoming") - Number(a.state === "incoming"));
    arrange(this.calls, shown.map((call) => this.cards.get(call)!.element));
    this.title();
  }

  private title(): void {
    const ringing = this.phone.calls.list.find((call) => call.state === "incoming");
    const live = this.phone.calls.live[0];
    const peer = ringing ?? live;
    const name = peer && (peer.name || short(peer.peer, this.phone.domain));
    document.title = name ? `${ringing ? "☎ " : ""}${name}` : "Phone";
  }

  /** A message for a conversation that is open but out of sight is unread all the same. */
  private arrived(peer: string, words: string): void {
    const { chat, domain } = this.phone;
    chat.current ||= peer;
    if (chat.current === peer && this.chat.visible) {
      chat.open(peer);
    } else {
      chat.unread.set(peer, Math.max(1, chat.unread.get(peer) ?? 0));
      this.notice.say(`${short(peer, domain)}: ${words.slice(0, 80)}`);
    }
  }

  private read(): void {
    const { chat } = this.phone;
    if (this.chat.visible && chat.unread.has(chat.current)) {
      chat.open(chat.current);
    }
  }
}
