/** Digits with what people put between them. */
const NUMBER = /^\+?[\d\s().\/-]*\d[\d\s().\/-]*$/;

/** What somebody typed, as a SIP URI. A bare name or number belongs to `domain`. */
export function toUri(text: string, domain: string): string {
  const typed = text.trim();
  if (/^(sips?|tel):/i.test(typed)) {
    return typed;
  }
  if (typed.includes("@")) {
    return `sip:${typed}`;
  }
  const user = NUMBER.test(typed) ? typed.replace(/[\s().\/-]/g, "") : typed;
  return `sip:${encodeURIComponent(user).replace(/%2B/g, "+").replace(/%2A/g, "*").replace(/%23/g, "#")}@${domain}`;
}

/** An address as people read it: without scheme and parameters. */
export function plain(uri: string): string {
  const bare = uri.replace(/^<|>$/g, "").replace(/^(sips?|tel):/i, "").replace(/[;?].*$/, "");
  try {
    return decodeURIComponent(bare);
  } catch {
    return bare;
  }
}

/** The short form: our own domain goes without saying. */
export function short(address: string, domain: string): string {
  return address.endsWith(`@${domain}`) ? address.slice(0, -domain.length - 1) : address;
}

/** "alice", "alice@example.com" or "sip:alice@example.com" as user and domain. */
export function account(text: string, hereDomain: string): { user: string; domain: string } {
  const address = plain(text.trim());
  const at = address.lastIndexOf("@");
  return at < 0
    ? { user: address, domain: hereDomain }
    : { user: address.slice(0, at), domain: address.slice(at + 1).toLowerCase() };
}
