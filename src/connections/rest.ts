// Requests over HTTP: sent with their secrets filled, answered by a status and a body of bounded size. A request that got
// no answer, or was told to wait, is for the caller to repeat; every other answer is one, whatever its status.
import type { HttpAnswer, HttpRequest } from '../core/frame.ts';
import type { Secrets } from '../core/secret.ts';
import { retryAfterMs } from './wait.ts';

export type FetchLimits = { readonly timeoutMs: number; readonly bytesMax: number };

/** Either an answer, or why there is none, and how long the venue asks to be left alone. */
export type FetchOutcome =
  | { readonly answer: HttpAnswer; readonly secrets: number }
  | { readonly reason: string; readonly waitMs: number };

/** Statuses by which a server says that it is asked too often, or cannot serve for a while. */
const BUSY: ReadonlySet<number> = new Set([408, 418, 429, 500, 502, 503, 504]);

/** Never rejects but for the signal's reason. Throws UsageError when a placeholder has no value. */
export async function fetchAnswer(
  request: HttpRequest,
  secrets: Secrets,
  limits: FetchLimits,
  nowMs: number,
  signal: AbortSignal,
): Promise<FetchOutcome> {
  const url = secrets.fillAddress(request.url, 'request');
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers ?? {}))
    headers[name] = secrets.fill(value, name);
  try {
    const response = await fetch(url, {
      method: request.method ?? 'GET',
      headers,
      ...(request.body !== undefined && { body: secrets.fill(request.body, 'request') }),
      // Another host is not to get what is meant for this one.
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(limits.timeoutMs)]),
    });
    const { status } = response;
    if (BUSY.has(status)) {
      await response.body?.cancel();
      const header = response.headers.get('retry-after') ?? undefined;
      const isAsked = header !== undefined || status === 429 || status === 418;
      return { reason: `answered ${status}`, waitMs: isAsked ? retryAfterMs(header, nowMs) : 0 };
    }
    const body = await bodyOf(response, limits.bytesMax);
    if (body === undefined) return { reason: `more than ${limits.bytesMax} bytes`, waitMs: 0 };
    const masked = secrets.mask(body);
    return { answer: { request, status, body }, secrets: masked };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    return { reason: secrets.hide(describe(error)), waitMs: 0 };
  }
}

async function bodyOf(response: Response, bytesMax: number): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.length;
    if (bytes > bytesMax) return undefined;
    parts.push(part);
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** `fetch failed` says nothing; its cause does. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error && cause.message !== '' ? cause.message : error.message;
}
