import type { Call, Outcome } from "./call";
import { Emitter } from "./emitter";
import { recall, remember } from "./storage";

export interface Entry {
  peer: string;
  name: string;
  direction: "in" | "out";
  outcome: Outcome;
  video: boolean;
  at: number;
  seconds: number;
  cause: string;
}

interface Events {
  change: void;
}

/** Entries kept. */
const KEPT = 100;

/** Who called whom, newest first; kept as long as the tab. */
export class History extends Emitter<Events> {
  entries: Entry[];

  constructor(private readonly address: string) {
    super();
    this.entries = recall<Entry[]>(this.key, []);
  }

  private get key(): string {
    return `history.${this.address}`;
  }

  add(call: Call): void {
    const seconds = call.answeredAt ? Math.round((call.endedAt - call.answeredAt) / 1000) : 0;
    const { peer, name, direction, outcome, video, cause } = call;
    const entry = { peer, name, direction, outcome, video, at: call.answeredAt || call.endedAt, seconds, cause };
    this.keep([entry, ...this.entries].slice(0, KEPT));
  }

  clear(): void {
    this.keep([]);
  }

  private keep(entries: Entry[]): void {
    this.entries = entries;
    remember(this.key, entries);
    this.emit("change", undefined);
  }
}
