import DigestAuthentication from "jssip/lib/DigestAuthentication";
import type { DigestChallenge } from "jssip/lib/DigestAuthentication";
import type { Credentials } from "./account";

interface Given {
  iceServers: RTCIceServer[];
  /** Seconds that the credentials are good for. */
  ttl: number;
}

/** When to ask for new credentials, as a part of their life. */
const RENEWED = 0.75;
/** Seconds until the next try after one that failed. */
const PAUSE = 30;

/** The TURN servers that calls may use, as far as the server gives credentials for any (`[turn]`). */
export class Ice {
  private servers: RTCIceServer[] = [];
  private timer: number | undefined;

  /**
   * `path` is where they are got, undefined where there are none. `relayOnly`: media by way of a TURN server or not at
   * all, so that nobody sees the addresses of this machine.
   */
  constructor(
    private readonly credentials: Credentials,
    private readonly path: string | undefined,
    readonly relayOnly: boolean,
  ) {}

  /** What calls that begin now are to use. */
  get configuration(): RTCConfiguration {
    return { iceServers: this.servers, ...(this.relayOnly ? { iceTransportPolicy: "relay" as const } : {}) };
  }

  /** Asks for credentials now, and again before they end. */
  async start(): Promise<void> {
    this.stop();
    if (this.path === undefined) {
      return;
    }
    let seconds = PAUSE;
    try {
      const { iceServers, ttl } = await this.ask(`${this.path}?domain=${encodeURIComponent(this.credentials.domain)}`);
      this.servers = iceServers;
      seconds = ttl * RENEWED;
    } catch {
      // Calls go on without, as long as the two sides find each other.
    }
    this.stop();
    this.timer = window.setTimeout(() => void this.start(), seconds * 1000);
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  /** Without the browser's own log-in, which would ask the user: the password is the one of SIP. */
  private async ask(target: string): Promise<Given> {
    const first = await fetch(target, { credentials: "omit" });
    const challenge = digest(first.headers.get("WWW-Authenticate") ?? "");
    const { user, password } = this.credentials;
    const authentication = new DigestAuthentication({ username: user, password });
    if (!challenge || !authentication.authenticate({ method: "GET", ruri: target }, challenge)) {
      throw new Error(`${target}: ${first.status}`);
    }
    const second = await fetch(target, { credentials: "omit", headers: { Authorization: authentication.toString() } });
    if (!second.ok) {
      throw new Error(`${target}: ${second.status}`);
    }
    return (await second.json()) as Given;
  }
}

/** The first Digest challenge of MD5 in a header that may hold several. */
function digest(header: string): DigestChallenge | undefined {
  for (const text of header.split(/(?=\bDigest )/)) {
    const found = new Map(
      [...text.matchAll(/(\w+)=(?:"([^"]*)"|([^\s,]+))/g)].map(([, name, quoted, bare]) => [name, quoted ?? bare ?? ""]),
    );
    const algorithm = found.get("algorithm") ?? "MD5";
    if (text.startsWith("Digest ") && algorithm === "MD5") {
      const qop = (found.get("qop") ?? "auth").split(",").map((each) => each.trim());
      return { realm: found.get("realm") ?? "", nonce: found.get("nonce") ?? "", algorithm, qop };
    }
  }
  return undefined;
}
