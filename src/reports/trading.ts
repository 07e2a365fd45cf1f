// Fills with the reasons of their orders, and those candles that say how far a round trip went while it was open.
import type { RecordOf } from '../runs/log.ts';
import type { TimedFill } from '../runs/trades.ts';

export class Trading {
  readonly fills: TimedFill[] = [];
  readonly candles: RecordOf<'candle'>[] = [];
  readonly rejections = new Map<string, number>();
  readonly #reasons = new Map<number, string>();
  /** Positions that are not flat, base currency, by symbol and strategy. */
  readonly #open = new Map<string, Map<string, number>>();
  readonly #flatUs = new Map<string, number>();

  addOrder({ order }: RecordOf<'order'>): void {
    this.#reasons.set(order.id, order.reason);
    if (order.status !== 'rejected') return;
    const reason = `${order.strategy}: ${order.reason}`;
    this.rejections.set(reason, (this.rejections.get(reason) ?? 0) + 1);
  }

  addFill({ timeUs, fill }: RecordOf<'fill'>): void {
    this.fills.push({ timeUs, fill, reason: this.#reasons.get(fill.order) ?? '' });
    const open = entry(this.#open, fill.symbol, () => new Map());
    const position = (open.get(fill.strategy) ?? 0) + (fill.side === 'buy' ? fill.size : -fill.size);
    this.#flatUs.set(fill.symbol, timeUs);
    if (Math.abs(position) <= fill.size * 1e-9) open.delete(fill.strategy);
    else open.set(fill.strategy, position);
  }

  addCandle(record: RecordOf<'candle'>): void {
    const isOpen = (this.#open.get(record.symbol)?.size ?? 0) > 0;
    if (isOpen || record.startUs <= (this.#flatUs.get(record.symbol) ?? 0)) this.candles.push(record);
  }
}

/** The value of a key, made when it is not there yet. */
export function entry<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = create();
    map.set(key, value);
  }
  return value;
}
