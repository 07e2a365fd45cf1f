// The run file: what a run consists of besides its events. Every key has a documented default or is required;
// an unknown key is an error. Durations stay texts, so that a parsed config written down parses to itself.
import { z } from 'zod';
import { UsageError } from '../core/errors.ts';
import { nameOf } from '../core/session.ts';
import { feesSchema, fillsSchema, latencySchema, ownFeesSchema } from '../trading/models.ts';
import { ownRiskSchema, riskSchema } from '../trading/risk.ts';
import { durationText, parseAs } from './schema.ts';

const capitalSchema = z.record(z.string(), z.number().positive());

/** What a strategy may have instead of what the run gives to each; what is left out is as in the run. */
const accountShape = {
  capital: capitalSchema.optional().describe('its own capital; default: that of the run'),
  fees: ownFeesSchema.optional().describe('its own fees, as far as they differ from those of the run'),
  risk: ownRiskSchema.optional().describe('its own limits, as far as they differ from those of the run'),
};

const strategySchema = z.strictObject({
  use: z.string().min(1).describe('a name in strategies/ or a path to a file'),
  id: z
    .string()
    .regex(/^[\w-]+$/, { error: 'may hold letters, digits, - and _ only' })
    .optional()
    .describe('unique in the run; default: the name of the strategy'),
  params: z.record(z.string(), z.unknown()).default({}).describe('what `retick strategies NAME` lists'),
  ...accountShape,
});

const candlesSchema = z.strictObject({
  from: z
    .enum(['trades', 'candles'])
    .default('trades')
    .describe('what series are built from: trades, or candles of the feed whose interval divides theirs'),
  fill: z
    .number()
    .int()
    .min(0)
    .optional()
    .describe('flat candles in a gap, beyond that the gap is a hole; default: 2 from trades, 0 from candles'),
  grace: durationText()
    .default('250ms')
    .describe(
      'how long a candle waits for late trades at least; longer where receipt is measured to vary more',
    ),
  fillAt: z
    .enum(['nextOpen', 'close'])
    .default('nextOpen')
    .describe('where market orders fill that have only candles to go by'),
});

const venueSchema = z.strictObject({
  venue: z.string().min(1),
  url: z.string().optional(),
  symbols: z.array(z.string().min(1)).min(1),
  channels: z.array(z.string()).optional(),
  depth: z.number().int().positive().optional(),
});

export const runConfigSchema = z.strictObject({
  name: z.string().min(1).describe('names the run in reports'),
  venue: z.string().min(1).describe('where the events come from, as kraken'),
  url: z.string().optional().describe('default: the public address of the venue'),
  symbols: z.array(z.string().min(1)).min(1).describe('as the venue spells them'),
  channels: z.array(z.string()).optional().describe('default: those the venue recommends'),
  depth: z.number().int().positive().optional().describe('book levels per side; default: the venue’s own'),
  venues: z
    .array(venueSchema)
    .min(2)
    .optional()
    .describe('several venues at once, each with its symbols, instead of venue and symbols'),
  duration: durationText().optional().describe('how long to run live; default: until stopped'),
  quiet: z
    .union([z.literal('never'), durationText()])
    .optional()
    .describe('how often at most a silent book is asked for afresh while its connection lives; default: 15m'),
  seed: z.number().int().min(0).max(0xffff_ffff).default(1).describe('of every random number in the run'),
  capital: capitalSchema
    .default({ USD: 100 })
    .describe('what the ledger of each strategy starts with, by currency'),
  report: z
    .strictObject({
      currency: z
        .string()
        .min(1)
        .optional()
        .describe('what equity and limits are in; default: the first of capital'),
      calendar: z
        .enum(['all', 'weekdays'])
        .optional()
        .describe('which days have returns: all, 365 a year (default), or weekdays, 252 a year'),
    })
    .optional()
    .describe('in what a run is told'),
  strategies: z.array(strategySchema).default([]),
  latency: latencySchema,
  fees: feesSchema,
  fills: fillsSchema,
  risk: riskSchema,
  candles: candlesSchema.prefault({}),
  outage: z
    .enum(['hold', 'cancel', 'mark'])
    .default('hold')
    .describe(
      'what happens to resting orders and stops while data is missing: they stay, are cancelled, or stay and their fills are marked',
    ),
  equityEvery: durationText().default('1s').describe('how often equity is sampled, engine time'),
  onError: z
    .enum(['disable', 'halt'])
    .default('disable')
    .describe('what a strategy that throws brings about'),
  stepsMax: z
    .number()
    .int()
    .min(1000)
    .default(10_000_000)
    .describe('loop turns and function calls that one call of a strategy may take; more stops the strategy'),
  warmup: durationText().optional().describe('engine time during which inputs run but no strategy is called'),
});

export type RunConfig = z.output<typeof runConfigSchema>;

/** Flat candles in a gap: none where the venue sends candles, for a real one may still come. */
export function fillOf({ candles }: RunConfig): number {
  return candles.fill ?? (candles.from === 'candles' ? 0 : 2);
}

/** Capital, fees and limits of one strategy's own. */
export type AccountConfig = {
  readonly capital?: z.output<typeof capitalSchema> | undefined;
  readonly fees?: z.output<typeof ownFeesSchema> | undefined;
  readonly risk?: z.output<typeof ownRiskSchema> | undefined;
};

/** The part of a strategy's entry in the run file that is about its account, without what it leaves out. */
export function accountOf({ capital, fees, risk }: AccountConfig): AccountConfig {
  return {
    ...(capital === undefined ? {} : { capital }),
    ...(fees === undefined ? {} : { fees }),
    ...(risk === undefined ? {} : { risk }),
  };
}

/** What equity and limits of the run are in: as configured, else the first currency that a strategy begins with. */
export function reportCurrencyOf({ report, capital, strategies }: RunConfig): string {
  const usesOwn = strategies.length > 0 && strategies.every((entry) => entry.capital !== undefined);
  const first = usesOwn ? strategies[0]!.capital! : capital;
  return report?.currency ?? Object.keys(first)[0]!;
}

/** A run config out of what a file held. `from` is the file, for the message of the UsageError. */
export function parseRunConfig(value: unknown, from: string): RunConfig {
  const config = parseAs(runConfigSchema, withWhole(value), from);
  requireWhole(config, from);
  requireUnique(config.symbols, `${from}: symbols`);
  requireUnique(
    config.strategies.map(({ use, id }) => id ?? use),
    `${from}: strategies`,
  );
  return config;
}

/** Of a run file that lists venues: what they are together. What is wrong with the list the schema says. */
function withWhole(value: unknown): unknown {
  const listed = z.object({ venues: z.array(venueSchema).min(2) }).safeParse(value);
  if (!listed.success) return value;
  const { venues } = listed.data;
  const symbols = venues.flatMap(({ venue, symbols }) => symbols.map((symbol) => nameOf(venue, symbol)));
  return { venue: venues.map(({ venue }) => venue).join('+'), symbols, ...(value as object) };
}

/** A run file says its venues in one way. */
function requireWhole(config: RunConfig, from: string): void {
  const { venues } = config;
  if (venues === undefined) return;
  const { venue, symbols } = withWhole({ venues }) as Pick<RunConfig, 'venue' | 'symbols'>;
  const isOther = venue !== config.venue || symbols.join() !== config.symbols.join();
  const extra = (['url', 'channels', 'depth'] as const).find((key) => config[key] !== undefined);
  if (!isOther && extra === undefined) return;
  const what = extra ?? (venue === config.venue ? 'symbols' : 'venue');
  throw new UsageError(`${from}: ${what} stands beside venues (allowed: in each of the venues)`);
}

function requireUnique(names: readonly string[], from: string): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new UsageError(
      `${from}: ${twice} stands there twice (allowed: each once; strategies may set an id)`,
    );
  }
}
