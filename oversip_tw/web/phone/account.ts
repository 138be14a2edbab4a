import { UA, WebSocketInterface } from "jssip";
import { account as split } from "./address";
import { explain } from "./causes";
import type { Answer } from "./causes";
import { Emitter } from "./emitter";
import { Ice } from "./ice";

export interface Credentials {
  user: string;
  domain: string;
  password: string;
  name: string;
}

export type Connection = "offline" | "connecting" | "connected" | "registering" | "registered" | "retrying" | "refused";

interface Events {
  /** The connection's state or what is said about it has changed. */
  change: void;
}

/** What the server says of itself. */
export interface Home {
  /** The domain that a bare name belongs to. */
  domain: string;
  /** Where credentials of a TURN server are got. */
  ice?: string;
}

/** Answers that will not change by asking again. */
const FINAL = [401, 403, 404, 407];
/** Seconds between tries to register after the server refused for reasons that may pass. */
const FIRST_PAUSE = 2;
const LONGEST_PAUSE = 60;

/** The registration of one address over one WebSocket that comes back by itself. */
export class Account extends Emitter<Events> {
  readonly ua: UA;
  readonly address: string;
  readonly ice: Ice;
  state: Connection = "offline";
  /** What to tell the user about it; empty while all is well. */
  problem = "";
  private pause = FIRST_PAUSE;
  private timer: number | undefined;
  private welcome = false;

  constructor(
    readonly credentials: Credentials,
    readonly server: string,
    instanceId: string,
    home: Home,
  ) {
    super();
    this.ice = new Ice(credentials, home.ice, wantsRelay());
    this.address = `${credentials.user}@${credentials.domain}`;
    this.ua = new UA({
      sockets: [new WebSocketInterface(server)],
      uri: `sip:${encodeURIComponent(credentials.user).replace(/%2B/g, "+")}@${credentials.domain}`,
      authorization_user: credentials.user,
      password: credentials.password,
      ...(credentials.name ? { display_name: credentials.name } : {}),
      instance_id: instanceId,
      register: true,
      register_expires: 600,
      session_timers: true,
      connection_recovery_min_interval: 2,
      connection_recovery_max_interval: 20,
      user_agent: "OverSIP phone",
    });
    this.listen();
  }

  start(): void {
    this.ua.start();
  }

  /** Hangs up, unregisters and closes. */
  stop(): void {
    clearTimeout(this.timer);
    this.ice.stop();
    this.ua.stop();
    this.become("offline");
  }

  /** Asks again at once, after the user was refused or has lost patience. */
  retry(): void {
    clearTimeout(this.timer);
    if (this.ua.isConnected()) {
      this.become("registering");
      this.ua.register();
    }
  }

  private listen(): void {
    this.ua.on("connecting", () => this.become(this.state === "retrying" ? "retrying" : "connecting", this.problem));
    this.ua.on("connected", () => {
      clearTimeout(this.timer);
      this.become("registering");
    });
    this.ua.on("disconnected", ({ error }) => {
      clearTimeout(this.timer);
      if (this.state !== "offline" && this.state !== "refused") {
        this.become("retrying", error ? "The server cannot be reached, trying again" : "The connection was lost, trying again");
      }
    });
    this.ua.on("registered", () => {
      this.pause = FIRST_PAUSE;
      if (!this.welcome) {
        // Not before the password is known to be right: a wrong one would count twice.
        this.welcome = true;
        void this.ice.start();
      }
      this.become("registered");
    });
    this.ua.on("unregistered", () => {
      if (this.state === "registered") {
        this.become("connected");
      }
    });
    this.ua.on("registrationFailed", ({ response, cause }) => this.refused(response as Answer | null, cause));
  }

  private refused(response: Answer | null, cause?: string): void {
    const words = explain(cause, response);
    if (response && FINAL.includes(response.status_code ?? 0)) {
      this.become("refused", response.status_code === 403 ? `The server does not accept ${this.address} (403)` : words);
      return;
    }
    if (!this.ua.isConnected()) {
      // JsSIP registers again by itself once it is connected.
      return;
    }
    const seconds = Math.min(Math.max(retryAfter(response), this.pause * (0.75 + Math.random() / 2)), 300);
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
    this.become("retrying", `${words}, trying again in ${Math.round(seconds)} s`);
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.retry(), seconds * 1000);
  }

  private become(state: Connection, problem = ""): void {
    this.state = state;
    this.problem = problem;
    this.emit("change", undefined);
  }
}

function retryAfter(response: Answer | null): number {
  const header = (response as { getHeader?: (name: string) => string | undefined } | null)?.getHeader?.("retry-after");
  return Number.parseInt(header ?? "0", 10) || 0;
}

/** What the server says of itself; the domain that it does not say is the host that the page came from. */
export async function home(): Promise<Home> {
  try {
    const found = (await (await fetch("/phone.json")).json()) as Partial<Home>;
    return { ...found, domain: found.domain || location.hostname };
  } catch {
    return { domain: location.hostname };
  }
}

/** `?relay` in the page's address: media by way of the TURN server alone. */
function wantsRelay(): boolean {
  return new URLSearchParams(location.search).has("relay");
}

/** The address that stands in the form, as credentials. */
export function credentials(address: string, domain: string, password: string, name: string): Credentials {
  return { ...split(address, domain), password, name: name.trim() };
}

/** Page and WebSocket share host and port, so the browser asks about the certificate once. */
export function server(): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
}
