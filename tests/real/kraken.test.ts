// Real captures of Kraken's wire: every checksum must hold. They are not part of the project and the tests are
// skipped where they are not at hand.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { EventBatch, EventKind, Flag, type StatusDetail } from '../../src/core/event.ts';
import { RecordKind, type Session } from '../../src/core/frame.ts';
import { KrakenDecoder } from '../../src/venues/kraken/decoder.ts';

const folder = join(import.meta.dirname, '../../../shared/data/kraken-v2');
const isHere = existsSync(folder);
if (!isHere) console.warn(`real Kraken captures: did not run, ${folder} is not there`);

type Frame = { readonly receivedNs: bigint; readonly payload: Uint8Array };

/** CBCAP: a header line, then `<receive ns> <bytes>\n<frame>\n` repeated. */
function readCapture(name: string): readonly Frame[] {
  const bytes = readFileSync(join(folder, name));
  const frames: Frame[] = [];
  let at = bytes.indexOf(10) + 1;
  while (at < bytes.length) {
    const lineEnd = bytes.indexOf(10, at);
    const [receivedNs = '', length = ''] = bytes.toString('ascii', at, lineEnd).split(' ');
    const end = lineEnd + 1 + Number(length);
    frames.push({
      receivedNs: BigInt(receivedNs),
      payload: new Uint8Array(bytes.subarray(lineEnd + 1, end)),
    });
    at = end + 1;
  }
  return frames;
}

function sessionOf(symbols: readonly string[], depth: number): Session {
  return { venue: 'kraken', url: '', symbols, channels: ['book', 'trade'], depth, candleUs: 0 };
}

/** What came of a capture: counts by kind, and the statuses in order. */
function decodeAll(payloads: readonly Uint8Array[], session: Session, scans: boolean) {
  const decoder = new KrakenDecoder(session, { scans });
  const out = new EventBatch();
  payloads.forEach((payload, index) => {
    decoder.decode({ seq: index + 1, receivedUs: index, kind: RecordKind.text, connection: 0, payload }, out);
  });
  const statuses: StatusDetail[] = [];
  const seen = {
    checks: decoder.bookChecks[0],
    messages: 0,
    snapshots: 0,
    removals: 0,
    instruments: 0,
    statuses,
    out,
  };
  for (let row = 0; row < out.length; row++) {
    const detail = out.detail[row];
    if (detail?.type === 'status') statuses.push(detail);
    if (detail?.type === 'instrument') seen.instruments++;
    if (out.kind[row] !== EventKind.level) continue;
    if (out.flags[row]! & Flag.last) seen.messages++;
    if (out.flags[row]! & Flag.clear) seen.snapshots++;
    if (out.size[row] === 0) seen.removals++;
  }
  return seen;
}

const text = (payload: Uint8Array): string => new TextDecoder().decode(payload);
const isState = (state: string, cause?: string) => (status: StatusDetail) =>
  status.state === state && (cause === undefined || (status.state === 'gap' && status.cause === cause));

describe.skipIf(!isHere)('real Kraken captures', () => {
  test.each([true, false])('all 301 checksums of the resync capture hold (scan: %s)', (scans) => {
    const payloads = readCapture('kraken_btcusd_l2.cbcap').map((frame) => frame.payload);
    expect(payloads.filter((payload) => text(payload).includes('"unsubscribe"'))).toHaveLength(7);
    const seen = decodeAll(payloads, sessionOf(['BTC/USD'], 10), scans);
    expect(seen.checks).toEqual({ verified: 301, failed: 0, unchecked: 0 });
    expect(seen).toMatchObject({ messages: 301, snapshots: 5, instruments: 1 });
    expect(seen.statuses.filter(isState('subscribed'))).toHaveLength(8);
    // Four times the book was lost by an unsubscription, and four snapshots made it good again.
    expect(seen.statuses.filter(isState('gap', 'unsubscribed'))).toHaveLength(4);
    expect(seen.statuses.filter(isState('gap'))).toHaveLength(4);
    expect(seen.statuses.filter(isState('unknown'))).toHaveLength(0);
  });

  test.each([true, false])('all 1147 checksums of the depth 25 capture hold (scan: %s)', (scans) => {
    const payloads = readCapture('kraken_xrpusd_sample.cbcap').map((frame) => frame.payload);
    const seen = decodeAll(payloads, sessionOf(['XRP/USD'], 25), scans);
    expect(seen.checks).toEqual({ verified: 1147, failed: 0, unchecked: 0 });
    expect(seen).toMatchObject({ messages: 1147, snapshots: 1, instruments: 1 });
    expect(seen.statuses.filter(isState('gap'))).toHaveLength(0);
    expect(seen.statuses.filter(isState('unknown'))).toHaveLength(0);
    // The venue says 511 removals; the depth adds one for each level that it pushes out.
    expect(seen.removals).toBeGreaterThan(511);
  });

  test('both ways of reading give the same events', () => {
    for (const [name, symbol, depth] of [
      ['kraken_btcusd_l2.cbcap', 'BTC/USD', 10],
      ['kraken_xrpusd_sample.cbcap', 'XRP/USD', 25],
    ] as const) {
      const payloads = readCapture(name).map((frame) => frame.payload);
      const [scanned, parsed] = [true, false].map(
        (scans) => decodeAll(payloads, sessionOf([symbol], depth), scans).out,
      );
      expect(scanned!.length).toBe(parsed!.length);
      for (const column of ['kind', 'flags', 'price', 'size', 'exchangeUs', 'seq', 'ordinal'] as const) {
        expect(scanned![column].slice(0, scanned!.length)).toEqual(parsed![column].slice(0, parsed!.length));
      }
    }
  });

  test('one changed digit is found, and the book is silent until the next snapshot', () => {
    const payloads = readCapture('kraken_btcusd_l2.cbcap').map((frame) => frame.payload);
    const session = sessionOf(['BTC/USD'], 10);
    const isUpdate = (payload: Uint8Array) => text(payload).startsWith('{"channel":"book","type":"update"');
    const changed = payloads.findIndex((payload, index) => index > 20 && isUpdate(payload));
    const frame = text(payloads[changed]!);
    const digit = frame.indexOf('"qty":') + '"qty":'.length;
    const other = frame[digit] === '7' ? '8' : '7';
    const wrong = new TextEncoder().encode(frame.slice(0, digit) + other + frame.slice(digit + 1));
    const isSnapshot = (payload: Uint8Array) =>
      text(payload).startsWith('{"channel":"book","type":"snapshot"');
    const healed = payloads.findIndex((payload, index) => index > changed && isSnapshot(payload));
    expect(healed).toBeGreaterThan(changed);

    const { out, statuses } = decodeAll(payloads.with(changed, wrong), session, true);
    const gaps = statuses.filter(isState('gap', 'checksum'));
    expect(gaps).toHaveLength(1);
    expect(gaps[0]).toMatchObject({ channel: 'book', symbol: 'BTC/USD' });
    const levelSeqs = Array.from(out.seq.subarray(0, out.length)).filter(
      (_, row) => out.kind[row] === EventKind.level,
    );
    expect(levelSeqs.filter((seq) => seq > changed && seq < healed + 1)).toEqual([]);
    expect(levelSeqs).toContain(healed + 1);
  });

  test('a changed price is found as well as a changed size, wherever it happens among the checked levels', () => {
    const payloads = readCapture('kraken_xrpusd_sample.cbcap').map((frame) => frame.payload);
    const session = sessionOf(['XRP/USD'], 25);
    const snapshot = payloads.findIndex((payload) => text(payload).includes('"snapshot","data"'));
    const frame = text(payloads[snapshot]!);
    const asks = frame.indexOf('"asks"');
    for (const side of [frame.slice(0, asks), frame.slice(asks)]) {
      const offset = side === frame.slice(0, asks) ? 0 : asks;
      const tokens = [...side.matchAll(/"(?:price|qty)":[\d.]+(\d)/g)].slice(0, 20);
      for (const token of tokens) {
        const at = offset + token.index + token[0].length - 1;
        const wrong = frame.slice(0, at) + ((Number(frame[at]) + 1) % 10) + frame.slice(at + 1);
        const { statuses, messages } = decodeAll([new TextEncoder().encode(wrong)], session, true);
        expect(statuses.filter(isState('gap', 'checksum'))).toHaveLength(1);
        expect(messages).toBe(0);
      }
    }
  });

  test('trade ids are contiguous and the opening snapshots are not taken for trades', () => {
    const lines = readFileSync(join(folder, 'trades.jsonl'), 'utf8').trim().split('\n');
    const payloads = lines.map((line) => new TextEncoder().encode(line));
    const { out, statuses } = decodeAll(payloads, sessionOf(['BTC/USD', 'ETH/USD'], 10), true);
    const ids = Array.from(out.id.subarray(0, out.length)).filter(
      (_, row) => out.kind[row] === EventKind.trade,
    );
    expect(ids).toEqual([109183886, 109183887]);
    expect(statuses.map((status) => status.state)).toEqual(['venue', 'subscribed', 'subscribed']);
  });
});
