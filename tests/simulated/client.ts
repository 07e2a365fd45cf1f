// A WebSocket client that believes nothing: it keeps every book as decimal texts and checks each checksum with
// zlib, sharing no code with the simulated venue or with the decoder of the real one.
import { once } from 'node:events';
import { crc32 } from 'node:zlib';
import { expect } from 'vitest';
import { WebSocket } from 'ws';

type Level = { readonly price: string; readonly qty: string };
export type Message = {
  readonly channel?: string;
  readonly type?: string;
  readonly method?: string;
  readonly success?: boolean;
  readonly error?: string;
  readonly symbol?: string;
  readonly req_id?: number;
  readonly result?: Readonly<Record<string, unknown>>;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into frames of every shape
  readonly data?: any;
};

export class NaiveBook {
  readonly bids = new Map<string, string>();
  readonly asks = new Map<string, string>();
  readonly #depth: number;

  constructor(depth: number) {
    this.#depth = depth;
  }

  /** Applies a book frame and returns whether its checksum holds. */
  apply(type: string, data: { bids: Level[]; asks: Level[]; checksum: number | string }): boolean {
    if (type === 'snapshot') {
      this.bids.clear();
      this.asks.clear();
    }
    for (const [side, levels] of [
      [this.bids, data.bids],
      [this.asks, data.asks],
    ] as const) {
      for (const { price, qty } of levels) {
        if (Number(qty) === 0) side.delete(price);
        else side.set(price, qty);
      }
    }
    for (const [side, sorted] of [
      [this.bids, this.bestBids()],
      [this.asks, this.bestAsks()],
    ] as const) {
      for (const [price] of sorted.slice(this.#depth)) side.delete(price);
    }
    const covered = [...this.bestAsks().slice(0, 10), ...this.bestBids().slice(0, 10)];
    return crc32(covered.flat().map(token).join('')) === Number(data.checksum);
  }

  bestBids(): [string, string][] {
    return [...this.bids].sort((a, b) => Number(b[0]) - Number(a[0]));
  }

  bestAsks(): [string, string][] {
    return [...this.asks].sort((a, b) => Number(a[0]) - Number(b[0]));
  }
}

function token(decimal: string): string {
  return decimal.replace('.', '').replace(/^0+/, '');
}

/** Parses a frame with prices and sizes kept as the texts they were sent as. */
export function parseFrame(text: string): Message {
  return JSON.parse(text.replace(/"(price|qty)":(-?\d+(?:\.\d+)?)/g, '"$1":"$2"'));
}

export class TestClient {
  readonly messages: Message[] = [];
  readonly texts: string[] = [];
  readonly socket: WebSocket;
  /** Frames that could not be parsed. */
  broken = 0;
  readonly errors: string[] = [];
  #waiting: (() => void)[] = [];

  private constructor(url: string) {
    this.socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: 1 << 20 });
    this.socket.on('message', (data) => {
      const text = String(data);
      this.texts.push(text);
      try {
        this.messages.push(parseFrame(text));
      } catch {
        this.broken++;
      }
      this.#wake();
    });
    this.socket.on('error', (error) => this.errors.push(error.message));
    this.socket.on('close', () => this.#wake());
  }

  static async connect(url: string): Promise<TestClient> {
    const client = new TestClient(url);
    await once(client.socket, 'open');
    return client;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  send(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  subscribe(channel: string, symbol: readonly string[], more: object = {}, id = 1): void {
    this.send({ method: 'subscribe', params: { channel, symbol, snapshot: true, ...more }, req_id: id });
  }

  /** Resolves when the condition holds over what has arrived; fails when the connection closes before. */
  async until(isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      expect(this.socket.readyState, 'the connection is open while the test waits').toBe(WebSocket.OPEN);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** The close code; ask before it closes. */
  closed(): Promise<number> {
    return new Promise((resolve) => this.socket.once('close', resolve));
  }

  of(channel: string, type?: string): Message[] {
    return this.messages.filter(
      (message) => message.channel === channel && (type === undefined || message.type === type),
    );
  }

  answers(id: number): Message[] {
    return this.messages.filter((message) => message.req_id === id);
  }

  /** Rebuilds every book from the frames so far: how many frames, how many with a right checksum. */
  checkBooks(depth: number): {
    readonly frames: number;
    readonly right: number;
    readonly books: Map<string, NaiveBook>;
  } {
    const books = new Map<string, NaiveBook>();
    let frames = 0;
    let right = 0;
    for (const { type, data } of this.of('book')) {
      const [item] = data;
      if (!books.has(item.symbol)) books.set(item.symbol, new NaiveBook(depth));
      frames++;
      if (books.get(item.symbol)!.apply(type!, item)) right++;
    }
    return { frames, right, books };
  }

  tradeIds(symbol: string): number[] {
    return this.of('trade')
      .flatMap((message) => message.data as { symbol: string; trade_id: number }[])
      .filter((trade) => trade.symbol === symbol)
      .map((trade) => trade.trade_id);
  }
}
