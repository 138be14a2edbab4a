/** What went wrong, in words for somebody who does not know SIP. */

const BY_STATUS: Record<number, string> = {
  400: "The server did not understand the request",
  401: "Wrong user name or password",
  403: "Not allowed",
  404: "Nobody here has that address",
  405: "The other phone cannot do that",
  407: "Wrong user name or password",
  408: "No answer",
  410: "That address is no longer in use",
  415: "The other phone cannot read this kind of message",
  416: "That is not an address this phone can call",
  420: "The other phone lacks something this call needs",
  423: "The server wants fewer renewals",
  429: "Too many attempts, try again later",
  430: "The connection to the other phone was lost",
  478: "That address cannot be reached from here",
  480: "Not reachable right now",
  481: "That call has already ended",
  482: "The call ran in a circle",
  483: "The call was passed on too often",
  484: "The number is not complete",
  486: "Busy",
  487: "Cancelled",
  488: "The phones have no kind of call in common",
  500: "The server has a problem",
  501: "The server cannot do that",
  503: "The server is too busy, try again in a moment",
  504: "The other side's server does not answer",
  513: "The message is too long",
  600: "Busy",
  603: "Declined",
  604: "Nobody has that address",
  606: "The phones have no kind of call in common",
};

/** What JsSIP calls the causes that come without a response. */
const BY_CAUSE: Record<string, string> = {
  "Connection Error": "The connection to the server was lost",
  "Request Timeout": "The server does not answer",
  "SIP Failure Code": "The call failed",
  "Internal Error": "The browser could not do that",
  "Bad Media Description": "The phones have no kind of call in common",
  "User Denied Media Access": "This page may not use the microphone or camera, or there is none",
  "WebRTC Error": "The browser could not set up the call",
  "RTP Timeout": "No sound arrives any more",
  "No Answer": "No answer",
  "Expires": "No answer",
  "No ACK": "The other phone fell silent",
  "Dialog Error": "That call has already ended",
  "Canceled": "Cancelled",
  "Rejected": "Declined",
  "Busy": "Busy",
  "Redirected": "The other side has moved, and this phone does not follow",
  "Unavailable": "Not reachable right now",
  "Not Found": "Nobody here has that address",
  "Address Incomplete": "The number is not complete",
  "Incompatible SDP": "The phones have no kind of call in common",
  "Authentication Error": "Wrong user name or password",
};

export interface Answer {
  status_code?: number;
  reason_phrase?: string;
}

/** One sentence; the status stands behind it for whoever helps on the telephone. */
export function explain(cause: string | undefined, answer?: Answer | null): string {
  const status = answer?.status_code;
  if (status !== undefined && status >= 300) {
    const words = BY_STATUS[status] ?? BY_STATUS[Math.floor(status / 100) * 100] ?? answer?.reason_phrase ?? "It failed";
    return `${words} (${status})`;
  }
  return BY_CAUSE[cause ?? ""] ?? cause ?? "It failed";
}

/** Why microphone or camera cannot be used. */
export function explainMedia(error: unknown): string {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") {
    return "This page may not use the microphone or camera: allow it in the address bar";
  }
  if (name === "NotFoundError" || name === "OverconstrainedError") {
    return "No microphone or camera was found";
  }
  if (name === "NotReadableError" || name === "AbortError") {
    return "Another program uses the microphone or camera";
  }
  return "The microphone or camera cannot be used";
}
