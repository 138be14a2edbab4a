/** How calls get their sound and picture. */

/** How long to collect addresses before an offer or answer leaves without the rest. */
export const GATHERING = 1500;

export function constraints(video: boolean): MediaStreamConstraints {
  return { audio: true, video: video ? { width: { ideal: 640 }, height: { ideal: 480 } } : false };
}

/** Whether the browser lets this page make calls at all; undefined if so, else why not. */
export function missing(): string | undefined {
  if (!window.isSecureContext) {
    return "Calls need https: open this page by its https:// address";
  }
  if (!("RTCPeerConnection" in window) || !navigator.mediaDevices) {
    return "This browser cannot make calls (it has no WebRTC)";
  }
  return undefined;
}

/** An offer or answer with a picture in it. */
export function offersVideo(sdp: string | undefined | null): boolean {
  return /^m=video (?!0 )/m.test(sdp ?? "");
}
