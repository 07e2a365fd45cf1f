// A candle as orders meet it, where there is nothing finer: its prices in a stated order, and what lies between them.

/** A candle, or what is new of one that was restated, as the exchange meets it. */
export type CandleStep = {
  readonly instrument: number;
  /** In the order in which they are taken to have come. */
  readonly prices: readonly number[];
  /** The first of them is the open. */
  readonly opens: boolean;
  /** Base currency: what is new. */
  readonly volume: number;
  readonly nowUs: number;
  /** Makes a price the last one of the market. */
  readonly setPrice: (price: number) => void;
};

/** A price and, on the way to it from the one before, each stop loss and take profit that it passes, in that order. */
export function stepsTo(
  price: number,
  before: number,
  brackets: readonly { readonly stopLoss: number; readonly takeProfit: number }[],
): readonly number[] {
  if (Number.isNaN(before)) return [price];
  const [low, high] = price < before ? [price, before] : [before, price];
  const passed = brackets
    .flatMap(({ stopLoss, takeProfit }) => [stopLoss, takeProfit])
    .filter((trigger) => trigger > low && trigger < high);
  const inOrder = [...new Set(passed)].sort((a, b) => (price < before ? b - a : a - b));
  return [...inOrder, price];
}
