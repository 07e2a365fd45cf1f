import { describe, expect, test } from 'vitest';
import { decodeControl, encodeControl, RecordKind } from '../../src/core/frame.ts';
import { redact, redactAddress, redactHeaders, redactRequest, Secrets } from '../../src/core/secret.ts';

const S = 'hUnter2-s3cret';

describe('an address', () => {
  test.each([
    [`wss://me:${S}@host/ws`, 'wss://***:***@host/ws'],
    [`wss://${S}@host/ws`, 'wss://***@host/ws'],
    [`wss://me:${S}@x@host/ws`, 'wss://***:***@host/ws'],
    [`wss://host/ws?token=${S}`, 'wss://host/ws?token=***'],
    [`wss://host/ws?a=1&api_key=${S}&b=2`, 'wss://host/ws?a=1&api_key=***&b=2'],
    [`wss://host/?apiKey=${S}#access_token=${S}`, 'wss://host/?apiKey=***#***'],
    [`wss://host/v2#${S}`, 'wss://host/v2#***'],
    [`wss://host/?X-Amz-Signature=${S}&listenKey=${S}`, 'wss://host/?X-Amz-Signature=***&listenKey=***'],
    [`wss://host/?%74oken=${S}`, 'wss://host/?%74oken=***'],
    [`wss://host/?key=${S}&sig=${S}&auth=${S}&pass=${S}`, 'wss://host/?key=***&sig=***&auth=***&pass=***'],
    ['wss://host/?depth=25&monkeys=3&author=me', 'wss://host/?depth=25&monkeys=3&author=me'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholder is the point.
    ['wss://${USER}:${PASS}@host/?token=${TOKEN}', 'wss://${USER}:${PASS}@host/?token=${TOKEN}'],
  ])('%s is shown as %s', (address, shown) => {
    expect(redactAddress(address)).toBe(shown);
    expect(redact(`cannot reach ${address}, sorry`)).toBe(`cannot reach ${shown}, sorry`);
    expect(redactAddress(shown)).toBe(shown);
  });

  test('is filled from the environment for the socket, and its secrets are known wherever they turn up', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholder is the point.
    const text = 'wss://host/v1/${STREAM_KEY}/ws?token=abcdefgh';
    const address = new Secrets({ STREAM_KEY: S });
    expect(address.fillAddress(text, '--url')).toBe(`wss://host/v1/${S}/ws?token=abcdefgh`);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholder is the point.
    expect(redactAddress(text)).toBe('wss://host/v1/${STREAM_KEY}/ws?token=***');
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholder is the point.
    expect(address.hide(`no such stream ${S} for abcdefgh`)).toBe('no such stream ${STREAM_KEY} for ***');
    const frame = new TextEncoder().encode(`{"echo":"/v1/${S}/ws"}`);
    expect(address.mask(frame)).toBe(1);
    expect(new TextDecoder().decode(frame)).toBe(`{"echo":"/v1/${'*'.repeat(S.length)}/ws"}`);
    expect(() => new Secrets({}).fillAddress(text, '--url')).toThrow(
      /^--url: \$\{STREAM_KEY\} is not set in the environment$/,
    );
  });
});

test('of headers only placeholders and what every request has are kept', () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholder is the point.
  const kept = { 'APCA-API-KEY-ID': '${KEY}', 'Content-Type': 'application/json' };
  expect(redactHeaders({ ...kept, 'X-ID': S, Authorization: `Bearer ${S}` })).toEqual({
    ...kept,
    'X-ID': '***',
    Authorization: '***',
  });
});

describe('a request', () => {
  test.each([
    [{ op: 'login', args: [{ apiKey: S, passphrase: S, sign: S, timestamp: 1 }] }],
    [{ op: 'auth', args: [S, 1_700_000_000, S] }],
    [{ action: 'auth', key: S, secret: S }],
    [{ method: 'subscribe', params: { channel: 'executions', token: S } }],
    [{ type: 'subscribe', signature: S, key: S, jwt: S, product_ids: ['BTC-USD'] }],
    [{ event: 'auth', apiKey: S, authSig: S, authPayload: `AUTH${S}` }],
    [{ method: 'x', url: `wss://a:${S}@host` }],
  ])('keeps no secret of %o', (request) => {
    const safe = redactRequest(JSON.stringify(request));
    expect(safe).not.toContain(S);
    expect(Object.keys(JSON.parse(safe))).toEqual(Object.keys(request));
  });

  test('without secrets keeps its very characters', () => {
    const text = '{ "method": "subscribe",  "params": {"channel":"book","symbol":["BTC/USD"]} }';
    expect(redactRequest(text)).toBe(text);
  });

  test.each([`LOGIN token=${S}`, `Authorization: Bearer ${S}`, `{"api_key":"${S}", not JSON`])(
    '%s',
    (text) => {
      expect(redactRequest(text)).not.toContain(S);
    },
  );
});

test('harmless words stay as they are', () => {
  const texts = [
    'unknown key in run.yaml: symbls (known: symbols); did you mean symbols?',
    'latency: p50 1.5 µs, p99 2.4 µs',
    'ws://127.0.0.1:9001/v2  3 connections',
    'reports/a: the run log events.jsonl is missing',
  ];
  for (const text of texts) expect(redact(text)).toBe(text);
});

test('long texts made to confuse take no longer than long texts', () => {
  for (const text of [
    'a.'.repeat(50_000),
    'a:'.repeat(50_000),
    '?a='.repeat(50_000),
    `${'"'.repeat(50_000)}:`,
  ]) {
    expect(redact(`${text}=`).length).toBeGreaterThan(0);
  }
});

test('no control record reaches a journal with a secret in it', () => {
  const url = `wss://u:${S}@host/?token=${S}`;
  const session = { venue: 'v', url, symbols: [], channels: [], depth: 1, candleUs: 0 };
  const controls = [
    { type: 'session', session, software: 's', node: 'n' },
    { type: 'connecting', url, attempt: 0 },
    { type: 'opened', url },
    { type: 'sent', text: `{"op":"auth","args":["${S}"]}` },
    { type: 'closed', code: 1006, reason: `cannot reach ${url}`, cause: 'disconnect' },
    { type: 'failed', reason: `Invalid URL: ${url}` },
  ] as const;
  for (const control of controls) {
    const payload = encodeControl(control);
    expect(new TextDecoder().decode(payload)).not.toContain(S);
    const record = { seq: 1, receivedUs: 1, kind: RecordKind.control, connection: 0, payload };
    expect(decodeControl(record).type).toBe(control.type);
  }
});
