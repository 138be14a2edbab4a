import { Account, server } from "./account";
import type { Credentials, Home } from "./account";
import { Calls } from "./calls";
import { Chat } from "./chat";
import { History } from "./history";
import { Ringer } from "./ringer";

/** Everything that belongs to one signed-in user. */
export class Phone {
  readonly account: Account;
  readonly calls: Calls;
  readonly chat: Chat;
  readonly history: History;
  readonly ringer = new Ringer();

  constructor(
    credentials: Credentials,
    readonly instanceId: string,
    home: Home,
  ) {
    this.account = new Account(credentials, server(), instanceId, home);
    this.calls = new Calls(this.account);
    this.chat = new Chat(this.account);
    this.history = new History(this.account.address);
    this.calls.on("change", () => this.ring());
    this.calls.on("end", (call) => this.history.add(call));
  }

  get domain(): string {
    return this.account.credentials.domain;
  }

  private ring(): void {
    const states = this.calls.list.map((call) => call.state);
    const busy = states.some((state) => state === "active" || state === "connecting");
    if (states.includes("incoming") && !busy) {
      this.ringer.play("ring");
    } else {
      this.ringer.play(states.includes("ringing") && !busy ? "ringback" : undefined);
    }
  }
}
