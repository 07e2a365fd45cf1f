// The embedded venue: a WebSocket server on loopback that lets the simulated market happen in wall time.
// It is the world, so it reads the clock and uses timers. Venue time follows the clock and never passes it,
// and the market goes on whether anyone is connected or not.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { unreachable } from '../core/assert.ts';
import { VenueError } from '../core/errors.ts';
import { Random } from '../core/random.ts';
import { type Fault, FaultPlan } from './faults.ts';
import { findMarketSymbol, type MarketSymbol, marketSymbols } from './instruments.ts';
import { KrakenConnection, KrakenVenue } from './kraken.ts';
import { SimulatedMarket } from './market.ts';

export type { Fault } from './faults.ts';

/** What is due in one turn leaves in one burst; a busy market turns more often, so that its bursts stay short. */
const TURN_MS = { calm: 10, busy: 1 };
const BUSY_STEPS_PER_SECOND = 1000;
/** Venue time stays this far behind our clock, since another process may read a clock up to 1 ms behind it. */
const MARGIN_US = 1000;
const STEPS_PER_TURN = { paced: 5000, flood: 1000 };
/** How far the market may fall behind the clock before it lets the missed time go. */
const LAG_MAX_US = { paced: 1e6, flood: 50_000 };
/** Unsent bytes that a paced server lets a client have for a while only, and at which a flooding one waits for it. */
const UNSENT_MAX = { paced: 16 << 20, flood: 4 << 20 };
/** … and for how long, ms, before the client is cut off. A single large frame takes its time, too. */
const PATIENCE_MS = { paced: 2000, flood: 5000 };
/** Unsent bytes of all clients together, from which on the slowest is cut off: each costs several of memory. */
const UNSENT_TOTAL_MAX = 96 << 20;
const HISTORY_STEPS_MAX = 20_000;
const HISTORY_US_MAX = 120e6;
const WRITE_FRAMES_MAX = 256;

export type ServerOptions = {
  readonly seed: number;
  /** Default: any free port. */
  readonly port?: number;
  /** Names of built-in symbols, or whole definitions. Default: all built-in ones. */
  readonly symbols?: readonly (string | MarketSymbol)[];
  /** Market steps a second over all symbols; a step is about one frame a channel. Default: 300, flooding 1,000,000. */
  readonly eventsPerSecond?: number;
  /** What the venue's clock shows at the start, µs. Default: the wall time. */
  readonly startUs?: number;
  readonly faults?: readonly Fault[];
  /** Stops by itself after this time. */
  readonly durationS?: number;
  /** Sends as fast as the clients read: for benchmarks. Nothing is dropped, the market waits for them. */
  readonly flood?: boolean;
  /** Pages of these origins may connect, as `https://example.org`. Programs, and pages of this machine, always may. */
  readonly origins?: readonly string[];
  /** The wall clock, µs since the epoch, never going back. */
  readonly now?: () => number;
};

export type ServerCounters = {
  /** Connections ever accepted, and those open now. */
  connections: number;
  open: number;
  framesSent: number;
  charactersSent: number;
  messagesReceived: number;
  /** Market steps made since the server started. */
  steps: number;
  /** Time the market let go because it could not keep up, µs. */
  skippedUs: number;
  /** Clients cut off because they did not read. */
  slowClients: number;
};

/** Listens on loopback; rejects with a VenueError when the port cannot be had. */
export function startServer(options: ServerOptions): Promise<SimulatedServer> {
  return new Promise((resolve, reject) => {
    const port = options.port ?? 0;
    const server: SimulatedServer = new SimulatedServer(options, () => resolve(server));
    server.closed.catch((cause) =>
      reject(
        new VenueError(`the simulated venue cannot listen on port ${port}: ${cause.message}`, { cause }),
      ),
    );
  });
}

type Client = {
  readonly socket: WebSocket;
  readonly stream: Duplex;
  readonly connection: KrakenConnection;
  silentUntilUs: number;
  /** Since when too much waits for it to be sent; NaN while it does not. */
  slowSinceUs: number;
};

export class SimulatedServer {
  readonly counters: ServerCounters = {
    connections: 0,
    open: 0,
    framesSent: 0,
    charactersSent: 0,
    messagesReceived: 0,
    steps: 0,
    skippedUs: 0,
    slowClients: 0,
  };
  /** Resolves when the server has stopped, of itself or by `stop()`. */
  readonly closed: Promise<void>;
  readonly market: SimulatedMarket;
  readonly #mode: 'paced' | 'flood';
  readonly #now: () => number;
  readonly #turnMs: number;
  readonly #venue: KrakenVenue;
  readonly #faults: FaultPlan;
  readonly #ids: Random;
  readonly #clients = new Set<Client>();
  readonly #sockets: WebSocketServer;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #firstSubscriptionUs = Number.NaN;
  #closedUntilUs = 0;
  #refusal: string | undefined;
  readonly #endUs: number;
  #isStopped = false;

  /** Use `startServer`. */
  constructor(options: ServerOptions, onListening: () => void) {
    const { seed, port = 0, symbols = marketSymbols, startUs, now = wallClockUs } = options;
    this.#mode = options.flood === true ? 'flood' : 'paced';
    const eventsPerSecond = options.eventsPerSecond ?? (this.#mode === 'flood' ? 1e6 : 300);
    this.#turnMs = TURN_MS[eventsPerSecond >= BUSY_STEPS_PER_SECOND ? 'busy' : 'calm'];
    const offsetUs = startUs === undefined ? 0 : startUs - now();
    this.#now = () => now() + offsetUs;
    const historyUs = Math.min(HISTORY_US_MAX, (HISTORY_STEPS_MAX / eventsPerSecond) * 1e6);
    this.market = new SimulatedMarket({
      seed,
      startUs: Math.floor(this.#now() - historyUs),
      symbols: symbols.map((symbol) => (typeof symbol === 'string' ? findMarketSymbol(symbol) : symbol)),
      eventsPerSecond,
    });
    this.#venue = new KrakenVenue(this.market);
    this.#advance(this.#now() - MARGIN_US, Number.POSITIVE_INFINITY);
    this.#faults = new FaultPlan(
      options.faults ?? [],
      this.market.symbols.map((state) => state.symbol.symbol),
    );
    this.#ids = Random.named(seed, 'connections');
    this.#endUs = this.#now() + (options.durationS ?? Number.POSITIVE_INFINITY) * 1e6;
    this.#sockets = new WebSocketServer({
      host: '127.0.0.1',
      port,
      path: '/v2',
      perMessageDeflate: false,
      maxPayload: 1 << 20,
      verifyClient: ({ origin }, answer) => {
        if (!isAllowed(origin, options.origins ?? [])) answer(false, 403);
        else answer(this.#now() >= this.#closedUntilUs, 503);
      },
    });
    this.closed = new Promise((resolve, reject) => {
      this.#sockets.once('error', (error) => {
        this.#halt();
        reject(error);
      });
      this.#sockets.once('close', resolve);
    });
    this.#sockets.once('listening', onListening);
    this.#sockets.on('connection', (socket, request) => this.#accept(socket, request));
    this.#schedule();
  }

  get url(): string {
    const address = this.#sockets.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    return `ws://127.0.0.1:${port}/v2`;
  }

  /** Faults that have happened, in order. */
  get faultsDone(): readonly Fault[] {
    return this.#faults.done;
  }

  /** Cuts all connections and frees the port. */
  stop(): Promise<void> {
    if (!this.#isStopped) {
      this.#halt();
      for (const { socket } of this.#clients) socket.terminate();
      this.#sockets.close();
    }
    return this.closed;
  }

  #halt(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
  }

  #accept(socket: WebSocket, request: IncomingMessage): void {
    const id = (BigInt(this.#ids.nextUint32()) << 32n) | BigInt(this.#ids.nextUint32());
    const connection = new KrakenConnection(this.#venue, id);
    const { socket: stream } = request;
    const client: Client = { socket, stream, connection, silentUntilUs: 0, slowSinceUs: Number.NaN };
    this.counters.connections++;
    this.counters.open++;
    this.#clients.add(client);
    socket.on('message', (data) => this.#receive(client, String(data)));
    // A broken socket also closes; there is nobody else to tell.
    socket.on('error', () => socket.terminate());
    socket.once('close', () => {
      this.#clients.delete(client);
      this.counters.open--;
      connection.close();
    });
    this.#flush(client);
  }

  #receive(client: Client, text: string): void {
    const nowUs = this.#now();
    this.counters.messagesReceived++;
    if (Number.isNaN(this.#firstSubscriptionUs)) this.#runFaults(0, nowUs);
    if (this.#refusal !== undefined && text.includes('"subscribe"')) {
      client.connection.refuseNext(this.#refusal);
      this.#refusal = undefined;
    }
    client.connection.receive(text, nowUs);
    if (Number.isNaN(this.#firstSubscriptionUs) && client.connection.isSubscribed) {
      this.#firstSubscriptionUs = nowUs;
    }
    this.#flush(client);
  }

  #schedule(): void {
    if (this.#isStopped) return;
    const isBehind = this.market.nextUs <= this.#now() - MARGIN_US && this.#clients.size > 0;
    const waitsForClients = this.#mode === 'flood' && this.#isPressed();
    if (isBehind && !waitsForClients) this.#immediate = setImmediate(() => this.#turn());
    else this.#timer = setTimeout(() => this.#turn(), waitsForClients ? 1 : this.#turnMs);
  }

  /** Lets happen what is due, sends it, and comes back. */
  #turn(): void {
    const nowUs = this.#now();
    if (nowUs >= this.#endUs) {
      void this.stop();
      return;
    }
    const dueUs = nowUs - MARGIN_US;
    if (dueUs - this.market.nextUs > LAG_MAX_US[this.#mode]) {
      this.counters.skippedUs += dueUs - this.market.nextUs;
      this.market.skipTo(dueUs);
    }
    if (this.#mode === 'paced' || !this.#isPressed()) this.#advance(dueUs, STEPS_PER_TURN[this.#mode]);
    if (!Number.isNaN(this.#firstSubscriptionUs)) {
      this.#runFaults((nowUs - this.#firstSubscriptionUs) / 1e6, nowUs);
    }
    for (const client of this.#clients) {
      client.connection.beat(nowUs);
      this.#flush(client);
    }
    this.#cutOffSlow(nowUs);
    this.#schedule();
  }

  #runFaults(elapsedS: number, nowUs: number): void {
    for (const fault of this.#faults.due(elapsedS)) {
      this.#commit(fault, nowUs);
      this.#faults.done.push(fault);
    }
  }

  #advance(dueUs: number, stepsMax: number): void {
    let steps = 0;
    for (; steps < stepsMax && this.market.nextUs <= dueUs; steps++) this.#venue.take(this.market.next());
    this.counters.steps += steps;
  }

  #isPressed(): boolean {
    for (const { socket } of this.#clients) if (socket.bufferedAmount > UNSENT_MAX[this.#mode]) return true;
    return false;
  }

  #commit(fault: ReturnType<FaultPlan['due']>[number], nowUs: number): void {
    switch (fault.type) {
      case 'disconnect':
        this.#closedUntilUs = nowUs + (fault.forS ?? 0) * 1e6;
        for (const { socket } of this.#clients) socket.terminate();
        return;
      case 'silence':
        for (const client of this.#clients) client.silentUntilUs = nowUs + fault.forS * 1e6;
        return;
      case 'refuse':
        this.#refusal = fault.error ?? 'Exceeded msg rate';
        return;
      case 'malformed':
        this.#sendExtra('{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":62');
        return;
      case 'oversized':
        this.#sendExtra(
          `{"channel":"status","type":"update","pad":"${'x'.repeat(fault.bytes ?? 32 << 20)}"}`,
        );
        return;
      default:
        unreachable(fault);
    }
  }

  #sendExtra(text: string): void {
    for (const { connection } of this.#clients) connection.outbox.push(text);
  }

  /** Sends a client's outbox, many frames to one system call. */
  #flush({ socket, stream, connection, silentUntilUs }: Client): void {
    const { outbox } = connection;
    if (outbox.length === 0) return;
    if (socket.readyState === socket.OPEN && this.#now() >= silentUntilUs) {
      const isArmed = this.#faults.isArmed;
      for (let from = 0; from < outbox.length; from += WRITE_FRAMES_MAX) {
        const to = Math.min(outbox.length, from + WRITE_FRAMES_MAX);
        stream.cork();
        for (let i = from; i < to; i++)
          this.#send(socket, isArmed ? this.#faults.alter(outbox[i]!, connection) : outbox[i]);
        stream.uncork();
      }
    }
    outbox.length = 0;
  }

  /** Whoever does not read costs memory: too much alone, or together with others; or, flooding, everybody's time. */
  #cutOffSlow(nowUs: number): void {
    let [total, most] = [0, 0];
    let slowest: Client | undefined;
    for (const client of this.#clients) {
      const { bufferedAmount } = client.socket;
      if (bufferedAmount <= UNSENT_MAX[this.#mode]) client.slowSinceUs = Number.NaN;
      else if (Number.isNaN(client.slowSinceUs)) client.slowSinceUs = nowUs;
      total += bufferedAmount;
      if (bufferedAmount <= most) continue;
      most = bufferedAmount;
      slowest = client;
    }
    if (slowest === undefined) return;
    const isTooLong = nowUs - slowest.slowSinceUs > PATIENCE_MS[this.#mode] * 1000;
    if (!isTooLong && total <= UNSENT_TOTAL_MAX) return;
    this.counters.slowClients++;
    slowest.socket.terminate();
  }

  #send(socket: WebSocket, frame: string | undefined): void {
    if (frame === undefined) return;
    this.counters.framesSent++;
    this.counters.charactersSent += frame.length;
    socket.send(frame);
  }
}

/** A page from elsewhere that is open in a browser on this machine can reach loopback; a program names no origin. */
function isAllowed(origin: string | undefined, allowed: readonly string[]): boolean {
  if (origin === undefined || origin === '' || allowed.includes(origin)) return true;
  if (!URL.canParse(origin)) return false;
  const { hostname } = new URL(origin);
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/** Wall time at the start of the process, advanced by the monotonic clock, µs. */
function wallClockUs(): number {
  return Math.floor((performance.timeOrigin + performance.now()) * 1000);
}
