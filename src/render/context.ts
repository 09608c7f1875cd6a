/** The application that sent the person. Its logo is shown only when it is trusted (declared by the operator). */
export type AskingClient = { name: string; logoUri?: string | undefined; uri?: string | undefined; trusted: boolean };

/** What every page needs from its request. */
export type PageContext = {
  /** CSP nonce of this response */
  nonce: string;
  /** BCP 47 tag of the person's language; the nearest catalogue is used, English otherwise */
  locale?: string | undefined;
  /** Goes into the hidden `csrf` field of every form. */
  csrfToken?: string | undefined;
  client?: AskingClient | undefined;
  /** Shown on error pages as the reference for support. */
  requestId?: string | undefined;
};

/** How this installation calls and shows itself. */
export type Brand = {
  name: string;
  /** A file (svg, png, webp, jpeg, avif, gif), which is read once and served by us, or a `data:` or https address. */
  logo?: string | undefined;
  /** `#rgb` or `#rrggbb`; shades with AA contrast are computed from it */
  color?: string | undefined;
};
