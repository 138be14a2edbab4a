/** JsSIP's arithmetic of digest authentication, which it has no types for. */
declare module "jssip/lib/DigestAuthentication" {
  export interface DigestChallenge {
    realm: string;
    nonce: string;
    algorithm?: string;
    opaque?: string;
    stale?: boolean;
    qop?: string[];
  }

  export default class DigestAuthentication {
    constructor(credentials: { username: string; password: string });
    /** Whether it could. */
    authenticate(request: { method: string; ruri: string; body?: string }, challenge: DigestChallenge): boolean;
    toString(): string;
  }
}
