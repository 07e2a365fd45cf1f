// Checking what people write (run files, strategy parameters) against zod schemas, with one wording for what is
// wrong: where it stands, what was allowed, and the nearest known name.
import { z } from 'zod';
import { UsageError, unknownName } from '../core/errors.ts';
import { parseDurationUs } from '../core/time.ts';

type Issue = z.core.$ZodIssue;
type JsonSchema = z.core.JSONSchema.BaseSchema;

/** The value as the schema gives it back, or a UsageError: `run.yaml: strategies[0].use: …`. */
export function parseAs<S extends z.ZodType>(schema: S, value: unknown, from: string): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues;
  const issue = issues.find((candidate) => candidate.code === 'unrecognized_keys') ?? issues[0]!;
  throw describeIssue(schema, issue, value, from);
}

/** Makes parsed plain data unchangeable, arrays and objects inside included; returns it. */
export function freezeDeep<T>(value: T): T {
  if (!isRecord(value) || Object.isFrozen(value)) return value;
  // Plain objects of any realm: what they inherit from inherits from nothing.
  const prototype: object | null = Object.getPrototypeOf(value);
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  if (!Array.isArray(value) && !isPlain) return value;
  Object.freeze(value);
  for (const inner of Object.values(value)) freezeDeep(inner);
  return value;
}

/** A duration as people write it, `250ms`; it stays a text, so that what was parsed can be written down again. */
export function durationText(): z.ZodString {
  return z.string().refine((text) => isDuration(text), {
    error: 'is no duration (allowed: texts like 250ms, 5s, 1m, 1h30m)',
  });
}

function describeIssue(schema: z.ZodType, issue: Issue, value: unknown, from: string): UsageError {
  const where = formatPath(issue.path);
  const given = at(value, issue.path);
  const origin = where === '' ? from : `${from}: ${where}`;
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(
      z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }),
      issue.path,
      value,
    );
    return unknownName('key', issue.keys[0]!, known, origin);
  }
  if (issue.code === 'invalid_value' && typeof given === 'string') {
    return unknownName('value', given, issue.values.map(String), origin);
  }
  if ('options' in issue && Array.isArray(issue.options) && typeof given === 'string') {
    return unknownName('value', given, issue.options.map(String), origin);
  }
  const shown = given === undefined ? 'is missing' : `${JSON.stringify(given)}`;
  return new UsageError(`${origin}: ${shown}: ${issue.message[0]!.toLowerCase()}${issue.message.slice(1)}`);
}

function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const step of path) text += typeof step === 'number' ? `[${step}]` : `${text && '.'}${String(step)}`;
  return text;
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  let here = value;
  for (const step of path) here = isRecord(here) ? here[String(step)] : undefined;
  return here;
}

/** The keys an object at this path may have: of a choice of objects, those of the one whose constants fit. */
function knownKeys(schema: JsonSchema, path: readonly PropertyKey[], value: unknown): readonly string[] {
  const chosen = choose(schema, value);
  const [step, ...rest] = path;
  if (step === undefined) return Object.keys(chosen.properties ?? {});
  const inner = typeof step === 'number' ? chosen.items : chosen.properties?.[String(step)];
  const next = inner ?? chosen.additionalProperties;
  if (!isSchema(next)) return [];
  return knownKeys(next, rest, isRecord(value) ? value[String(step)] : undefined);
}

function choose(schema: JsonSchema, value: unknown): JsonSchema {
  const options = schema.oneOf ?? schema.anyOf;
  if (options === undefined) return schema;
  const fits = options.find((option) =>
    Object.entries(option.properties ?? {}).every(
      ([key, property]) =>
        !isSchema(property) || property.const === undefined || property.const === at(value, [key]),
    ),
  );
  return fits ?? options[0] ?? schema;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function isSchema(value: unknown): value is JsonSchema {
  return isRecord(value) && !Array.isArray(value);
}

function isDuration(text: string): boolean {
  try {
    return parseDurationUs(text) > 0;
  } catch (error) {
    if (error instanceof UsageError) return false;
    throw error;
  }
}
