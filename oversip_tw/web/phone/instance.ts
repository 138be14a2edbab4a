import { recall, remember } from "./storage";

/** A reload can come before the old page has let go of its lock. */
const TRIES = 6;
const PAUSE = 150;

/**
 * The UUID by which the registrar knows this tab (RFC 5626 `+sip.instance`): kept over reloads, so that a reload
 * replaces the old binding. Duplicating a tab copies its storage; the copy finds the lock taken and takes a new one.
 */
export async function instanceId(): Promise<string> {
  let id = recall<string | null>("instance", null);
  if (id === null || !(await own(id))) {
    id = newUuid();
    remember("instance", id);
    await own(id);
  }
  return id;
}

async function own(id: string): Promise<boolean> {
  if (!navigator.locks) {
    return true;
  }
  for (let tried = 0; tried < TRIES; tried += 1) {
    if (await takeLock(`oversip.instance.${id}`)) {
      return true;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
  return false;
}

/** Holds the lock as long as the page lives. */
function takeLock(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    void navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock === null ? undefined : new Promise(() => {});
    });
  });
}

/** crypto.randomUUID exists in secure contexts alone; over plain http the page shall at least say what is missing. */
function newUuid(): string {
  const octets = crypto.getRandomValues(new Uint8Array(16));
  octets[6] = (octets[6]! & 0x0f) | 0x40;
  octets[8] = (octets[8]! & 0x3f) | 0x80;
  const hex = [...octets].map((octet) => octet.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
