import type { IncomingMessageEvent, OutgoingMessageEvent } from "jssip/lib/UA";
import type { Account } from "./account";
import { plain, toUri } from "./address";
import { explain } from "./causes";
import type { Answer } from "./causes";
import { Emitter } from "./emitter";
import { recall, remember } from "./storage";

export interface Line {
  direction: "in" | "out";
  text: string;
  at: number;
  status: "sending" | "sent" | "failed";
  problem: string;
}

interface Events {
  change: void;
  /** Somebody wrote. */
  arrived: { peer: string; text: string };
}

/** Lines kept per conversation. */
const KEPT = 200;

/** Text messages (RFC 3428), by whom they are exchanged with. */
export class Chat extends Emitter<Events> {
  readonly conversations: Map<string, Line[]>;
  readonly unread: Map<string, number> = new Map();
  /** Whose conversation is on the screen. */
  current = "";

  constructor(private readonly account: Account) {
    super();
    this.conversations = new Map(recall<[string, Line[]][]>(this.key, []));
    for (const line of [...this.conversations.values()].flat()) {
      if (line.status === "sending") {
        Object.assign(line, { status: "failed", problem: "Not known whether it arrived" });
      }
    }
    account.ua.on("newMessage", (event: IncomingMessageEvent | OutgoingMessageEvent) => {
      if (event.originator === "remote") {
        this.receive(event as IncomingMessageEvent);
      }
    });
  }

  private get key(): string {
    return `chat.${this.account.address}`;
  }

  get unreadCount(): number {
    return [...this.unread.values()].reduce((sum, one) => sum + one, 0);
  }

  open(peer: string): void {
    this.current = peer;
    this.unread.delete(peer);
    this.emit("change", undefined);
  }

  /** Full address of whomever somebody typed. */
  resolve(typed: string): string {
    return plain(toUri(typed, this.account.credentials.domain));
  }

  send(typed: string, text: string): void {
    const peer = this.resolve(typed);
    const line: Line = { direction: "out", text, at: Date.now(), status: "sending", problem: "" };
    this.add(peer, line);
    this.open(peer);
    const failed = (problem: string) => this.settle(line, "failed", problem);
    try {
      this.account.ua.sendMessage(toUri(typed, this.account.credentials.domain), text, {
        contentType: "text/plain; charset=utf-8",
        eventHandlers: {
          succeeded: () => this.settle(line, "sent"),
          failed: ({ response, cause }) => failed(explain(cause, response as Answer)),
        },
      });
    } catch {
      failed("That is not an address");
    }
  }

  private receive({ message, request }: IncomingMessageEvent): void {
    const type = (request.getHeader("Content-Type") ?? "text/plain").toLowerCase();
    if (!type.startsWith("text/plain")) {
      message.reject({ status_code: 415, extraHeaders: ["Accept: text/plain"] });
      return;
    }
    const peer = plain(request.from.uri.toString());
    const text = request.body ?? "";
    this.add(peer, { direction: "in", text, at: Date.now(), status: "sent", problem: "" });
    if (peer !== this.current) {
      this.unread.set(peer, (this.unread.get(peer) ?? 0) + 1);
    }
    this.emit("arrived", { peer, text });
    this.emit("change", undefined);
  }

  private add(peer: string, line: Line): void {
    const lines = [...(this.conversations.get(peer) ?? []), line].slice(-KEPT);
    // The newest conversation stands last in the map.
    this.conversations.delete(peer);
    this.conversations.set(peer, lines);
    this.save();
  }

  private settle(line: Line, status: Line["status"], problem = ""): void {
    Object.assign(line, { status, problem });
    this.save();
    this.emit("change", undefined);
  }

  private save(): void {
    remember(this.key, [...this.conversations]);
  }
}
