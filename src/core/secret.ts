// Secrets: what in an address, a request or any other text must reach no file and no screen. Everything that writes such
// a text down passes it through here. What `${NAME}` stands for is filled in for the socket only, and is a secret as well.
import { UsageError } from './errors.ts';

const MASK = '***';
const PLACEHOLDER = /\$\{(\w+)\}/g;
/** A value that consists of placeholders tells nothing. */
const ONLY_PLACEHOLDERS = /^(?:\$\{\w+\})+$/;

/** Names whose values are secrets, in an address or a request, after removal of case and of what joins their words. */
const SECRET_NAME =
  /token|secret|signature|passw|passphrase|credential|authoriz|bearer|jwt|key$|^(?:auth|sig|sign|pass|pwd|pw|pin|otp|hmac|sid|session|sessionid|cookie)$|auth$/;
/** The same in prose, where a colon follows many a harmless word. */
const SECRET_IN_PROSE = /token|secret|signature|passw|passphrase|credential|authorization|apikey|accesskey/;

/** A request that logs in: its arguments are secrets wherever they stand. */
const LOGIN = /auth|login|logon|signin/i;
const VERBS: ReadonlySet<string> = new Set([
  'op',
  'method',
  'action',
  'event',
  'type',
  'channel',
  'request',
  'cmd',
]);

function isSecretName(name: string, names = SECRET_NAME): boolean {
  return names.test(
    decoded(name)
      .toLowerCase()
      .replace(/[^a-z0-9]/g, ''),
  );
}

/** Percent-decoded; a text that is not encoded right stays as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Replaces a value; placeholders are kept, so that one sees where it comes from. */
function masked(value: string, onSecret?: (value: string) => void): string {
  if (value === '' || value.startsWith(MASK) || ONLY_PLACEHOLDERS.test(value)) return value;
  onSecret?.(value);
  return MASK;
}

const AUTHORITY = /^([a-z][a-z0-9+.-]*:\/\/|)([^/?#]*)@/i;
const PARAMETER = /([?&])([^=&#?]+)=([^&#]*)/g;
const FRAGMENT = /#(.+)$/s;

/**
 * An address without name and password, without the values of parameters that are named like secrets, and without its
 * fragment, which no venue is ever sent.
 */
export function redactAddress(address: string, onSecret?: (value: string) => void): string {
  return address
    .replace(AUTHORITY, (_, scheme: string, userinfo: string) => {
      const [name = '', ...password] = userinfo.split(':');
      if (password.length === 0) return `${scheme}${masked(name, onSecret)}@`;
      return `${scheme}${masked(name)}:${masked(password.join(':'), onSecret)}@`;
    })
    .replace(PARAMETER, (whole, before: string, name: string, value: string) =>
      isSecretName(name) ? `${before}${name}=${masked(value, onSecret)}` : whole,
    )
    .replace(FRAGMENT, (_, fragment: string) => `#${masked(fragment, onSecret)}`);
}

const ADDRESS_IN_TEXT = /\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s"'<>`]*[^\s"'<>`,.;:)]/gi;
/** `name:password@host`, where the scheme is missing or mistyped; and a password that holds a slash. */
const CREDENTIALS_IN_TEXT = /([^\s"'<>`:/@]{1,256}):(?!\/\/)([^\s"'<>`@]{1,256})@(?=[\w.[-])/g;
const PARAMETER_IN_TEXT = /([?&#])([^=&#?\s"'<>`]{1,64})=([^&#\s"'<>`]*[^&#\s"'<>`,.;:)])/g;
const MEMBER_IN_TEXT = /(\\?["'])([\w.-]{1,64})\1(\s*:\s*)(\\?["'])((?:(?!\4).)*)\4/g;
const PROSE = /\b([\w-]{3,40})(\s*[:=]\s*)((?:bearer|basic|token)\s+)?((?:\$\{\w+\}|[^\s"'&,;{}[\]()])+)/gi;

/** Any text without the secrets that can be told by where they stand: in addresses, and after names of secrets. */
export function redact(text: string): string {
  if (!/[:=@]/.test(text)) return text;
  return text
    .replace(ADDRESS_IN_TEXT, (address) => redactAddress(address))
    .replace(
      CREDENTIALS_IN_TEXT,
      (_, name: string, password: string) => `${masked(name)}:${masked(password)}@`,
    )
    .replace(PARAMETER_IN_TEXT, (whole, before: string, name: string, value: string) =>
      isSecretName(name) ? `${before}${name}=${masked(value)}` : whole,
    )
    .replace(MEMBER_IN_TEXT, (whole, quote: string, name: string, colon: string, _: string, value: string) =>
      isSecretName(name) ? `${quote}${name}${quote}${colon}${quote}${masked(value)}${quote}` : whole,
    )
    .replace(PROSE, (whole, name: string, join: string, scheme: string | undefined, value: string) =>
      isSecretName(name, SECRET_IN_PROSE) ? `${name}${join}${scheme ?? ''}${masked(value)}` : whole,
    );
}

/** A request as it may be kept. One without secrets keeps its very characters. */
export function redactRequest(text: string): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not JSON: as any other text.
    return redact(text);
  }
  const safe = redactValue(value, isLogin(value), '');
  return JSON.stringify(safe) === JSON.stringify(value) ? text : JSON.stringify(safe);
}

function isLogin(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(
    ([name, member]) => VERBS.has(name) && typeof member === 'string' && LOGIN.test(member),
  );
}

function redactValue(value: unknown, isAll: boolean, name: string): unknown {
  const isSecret = name !== '' && isSecretName(name);
  if (Array.isArray(value)) return value.map((member) => redactValue(member, isAll || isSecret, ''));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, member]) => [
        key,
        isAll && VERBS.has(key) ? member : redactValue(member, isAll || isSecret, key),
      ]),
    );
  }
  if (typeof value === 'string') return isAll || isSecret ? masked(value) : redact(value);
  return isAll || isSecret ? MASK : value;
}

/** Headers that every request has, and that tell nothing of who sends it. */
const PLAIN_HEADERS = /^(?:accept|content-type|user-agent)$/i;

/** Headers of a request as they may be kept: a value is a secret unless it is all placeholders, or that of a plain header. */
export function redactHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      PLAIN_HEADERS.test(name) ? redact(value) : masked(value),
    ]),
  );
}

/** Every text in a JSON value, redacted. */
export function redactTexts(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? redact(value) : value;
}

/** Shorter ones would be found in many an innocent text, and hide little. */
const HIDDEN_MIN = 4;
const HIDDEN_IN_FRAMES_MIN = 8;

/**
 * What of one connection may reach no file and no screen: what `${NAME}` stands for in its addresses, headers and messages,
 * and what an address says openly. It is known by its value from then on, wherever it turns up.
 */
export class Secrets {
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #shown = new Map<string, string>();
  /** What each secret is shown as, the longest first. */
  #texts: readonly (readonly [secret: string, shown: string])[] = [];
  #bytes: readonly Uint8Array[] = [];

  constructor(environment: Readonly<Record<string, string | undefined>>) {
    this.#environment = environment;
  }

  /**
   * The text with its placeholders filled, for the socket alone. Throws UsageError when the name of one is not in the
   * environment; `from` names where the text stood.
   */
  fill(text: string, from: string): string {
    if (!text.includes('${')) return text;
    const found = new Map<string, string>();
    const filled = text.replace(PLACEHOLDER, (placeholder, name: string) => {
      const value = this.#environment[name];
      if (value === undefined || value === '') {
        throw new UsageError(`${from}: ${placeholder} is not set in the environment`);
      }
      found.set(value, placeholder);
      return value;
    });
    this.#know(found);
    return filled;
  }

  /** An address with its placeholders filled; the secrets that stand in it openly are known as well. */
  fillAddress(text: string, from: string): string {
    const found = new Map<string, string>();
    redactAddress(text, (secret) => found.set(secret, MASK));
    this.#know(found);
    const filled = this.fill(text, from);
    redactAddress(filled, (secret) => this.#shown.has(secret) || found.set(secret, MASK));
    this.#know(found);
    return filled;
  }

  #know(found: ReadonlyMap<string, string>): void {
    const before = this.#shown.size;
    for (const [secret, as] of found) {
      this.#shown.set(secret, this.#shown.get(secret) ?? as);
      for (const form of [decoded(secret), encodeURIComponent(secret)])
        if (!this.#shown.has(form)) this.#shown.set(form, as);
    }
    if (this.#shown.size === before) return;
    const known = [...this.#shown].filter(([secret]) => secret.length >= HIDDEN_MIN);
    this.#texts = known.sort(([a], [b]) => b.length - a.length);
    const encoder = new TextEncoder();
    this.#bytes = known
      .filter(([secret]) => secret.length >= HIDDEN_IN_FRAMES_MIN)
      .map(([secret]) => encoder.encode(secret));
  }

  /** The text without these secrets, whatever stands around them. */
  hide(text: string): string {
    let safe = text;
    for (const [secret, shown] of this.#texts) safe = safe.replaceAll(secret, shown);
    return redact(safe);
  }

  /** Writes `*` over these secrets in a frame that the venue sent back to us. Returns how many there were. */
  mask(frame: Uint8Array): number {
    let found = 0;
    for (const secret of this.#bytes) {
      for (let at = indexOf(frame, secret, 0); at >= 0; at = indexOf(frame, secret, at + secret.length)) {
        frame.fill(0x2a, at, at + secret.length);
        found += 1;
      }
    }
    return found;
  }
}

function indexOf(bytes: Uint8Array, wanted: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(wanted[0]!, from); at >= 0; at = bytes.indexOf(wanted[0]!, at + 1)) {
    let same = 1;
    while (same < wanted.length && bytes[at + same] === wanted[same]) same += 1;
    if (same === wanted.length) return at;
  }
  return -1;
}
