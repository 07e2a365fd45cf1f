// What a command may write into: a new folder, or a run of ours when that is asked for or the same; nothing else, ever.
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildTables } from '../../src/datasets/tables.ts';
import { claimRun } from '../../src/sessions/place.ts';
import { composeRecording } from '../datasets/recording.ts';
import { type Outcome, retickMany, workplace } from './retick.ts';

const { folder, remove } = workplace();
afterAll(remove);
const at = (path: string): string => join(folder, path);

/** Every file below a folder with its bytes, links as what they point to. */
function everything(): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const path of readdirSync(folder, { recursive: true }) as string[]) {
    const entry = lstatSync(at(path));
    found[path] = entry.isFile() ? readFileSync(at(path), 'hex') : entry.isSymbolicLink() ? 'link' : 'folder';
  }
  return found;
}

const replay = (...more: readonly string[]) => ['replay', 'datasets/x', ...more] as const;

beforeAll(async () => {
  const recording = await composeRecording({ steps: 60 });
  await buildTables(recording);
  cpSync(recording, at('datasets/x'), { recursive: true });
  mkdirSync(at('precious/deep'), { recursive: true });
  writeFileSync(at('precious/deep/thesis.txt'), 'years of work');
  writeFileSync(at('notes.txt'), 'mine');
  mkdirSync(at('empty'));
  symlinkSync(at('precious'), at('link'));
  symlinkSync(at('nowhere'), at('dangling'));
  mkdirSync(at('other'));
  writeFileSync(at('other/manifest.json'), '{"name":"web app","schema":1}');
  mkdirSync(at('lookalike/journal'), { recursive: true });
  writeFileSync(at('lookalike/journal/diary.md'), 'dear diary');
  const made = await retickMany(
    [replay('--out', 'reports/run'), replay('--out', 'reports/part', '--to', '2026-01-03T00:00:00Z')],
    folder,
  );
  expect(made.map(({ code }) => code)).toEqual([0, 0]);
  cpSync(at('reports/run'), at('reports/annotated'), { recursive: true });
  writeFileSync(at('reports/annotated/why.md'), 'what I think of it');
});

const RUN_YAML = 'name: r\nvenue: kraken\nurl: ws://127.0.0.1:9/v2\nsymbols: [BTC/USD]\n';

describe('what is refused', () => {
  const refused: readonly (readonly [args: readonly string[], says: RegExp])[] = [
    [replay('--out', 'precious'), /--out: precious holds other files \(deep\) and is not a run/],
    [replay('--out', 'precious', '--force'), /holds other files/],
    [replay('--out', 'other', '--force'), /holds other files \(manifest.json\) and is not a run/],
    [replay('--out', 'reports', '--force'), /reports is where all reports are kept/],
    [replay('--out', 'datasets', '--force'), /datasets is where all datasets are kept/],
    [replay('--out', 'datasets/x', '--force'), /holds a recording|not apart from/],
    [replay('--out', 'datasets/x/run'), /not apart from|inside the recording/],
    [replay('--out', '.', '--force'), /is the current folder/],
    [replay('--out', '..', '--force'), /is the current folder or one that holds it/],
    [replay('--out', '', '--force'), /names nothing|is the current folder/],
    [replay('--out', 'notes.txt', '--force'), /notes.txt is a file/],
    [replay('--out', 'notes.txt/run'), /notes.txt, which is not a folder/],
    [replay('--out', 'link', '--force'), /link is a symbolic link/],
    [replay('--out', 'dangling', '--force'), /dangling is a symbolic link/],
    [replay('--out', 'reports/run/inner'), /is inside the run/],
    [replay('--out', 'reports/part'), /holds the run part, which is another run; .*--force/],
    [replay('--out', 'reports/annotated', '--force'), /files that are not of it \(why.md\)/],
    [['record', 'kraken', 'BTC/USD', '--out', 'precious'], /holds other files/],
    [['record', 'kraken', 'BTC/USD', '--out', 'lookalike'], /holds other files/],
    [['record', 'kraken', 'BTC/USD', '--out', 'reports/run'], /holds the run run/],
    [['record', 'kraken', 'BTC/USD', '--out', 'notes.txt'], /is a file/],
    [['record', 'kraken', 'BTC/USD', '--out', 'link'], /is a symbolic link/],
    [['record', 'kraken', 'BTC/USD', '--out', 'datasets/x/more'], /inside the recording/],
    [['paper', 'r.yaml', '--recording', 'precious'], /--recording: precious holds other files/],
    [['paper', 'r.yaml', '--recording', 'datasets/x'], /--recording: datasets\/x holds a recording already/],
    [
      ['paper', 'r.yaml', '--recording', 'datasets/y', '--out', 'datasets/y'],
      /is not apart from datasets\/y/,
    ],
    [['paper', 'r.yaml', '--out', 'precious', '--force'], /--out: precious holds other files/],
    [
      ['data', 'import', 'notes.txt', '--format', 'lines', '--venue', 'kraken', '--out', 'precious'],
      /holds other files/,
    ],
    [
      ['data', 'import', 'notes.txt', '--format', 'lines', '--venue', 'kraken', '--out', 'datasets/x'],
      /recording already/,
    ],
    [['report', 'reports/run', '--out', 'notes.txt', '--force'], /is a file that is not a report/],
    [['report', 'reports/run', '--out', 'precious'], /is a folder that is not a report/],
    [['report', 'reports/run', '--out', 'link'], /is a symbolic link that is not a report/],
    [['report', 'reports/run', '--out', 'datasets/x/journal/000009.arrow'], /inside the recording/],
    [['report', 'reports/run', '--out', 'reports/run/manifest.json'], /is a file that is not a report/],
    [['init', 'datasets/x'], /inside the recording/],
    [['init', 'notes.txt'], /which is not a folder/],
  ];
  let before: ReturnType<typeof everything>;
  let results: readonly Outcome[];
  let after: ReturnType<typeof everything>;
  beforeAll(async () => {
    writeFileSync(at('r.yaml'), RUN_YAML);
    before = everything();
    results = await retickMany(
      refused.map(([args]) => args),
      folder,
    );
    after = everything();
  });

  test.each(refused.map(([args, says], index) => [args.join(' '), says, index] as const))(
    '%s',
    (_words, says, index) => {
      expect(results[index]).toMatchObject({ code: 2, out: '', err: expect.stringMatching(says) });
      expect(results[index]!.err).toMatch(/^retick: .*\n$/);
    },
  );

  test('is not touched, and neither is anything beside it', () => {
    expect(after).toEqual(before);
  });
});

describe('a run', () => {
  test('takes a new or an empty folder, its own place again, and that of another run when told to', async () => {
    const whole = readFileSync(at('reports/run/events.jsonl'), 'hex');
    cpSync(at('reports/part'), at('reports/forced'), { recursive: true });
    const results = await retickMany(
      [
        replay('--out', 'empty'),
        replay('--out', 'reports/run'),
        replay('--out', 'reports/forced', '--force'),
        ['report', 'reports/run'],
        ['report', 'reports/run', 'reports/part'],
        ['report', 'reports/run', '--out', 'pages/a.html'],
        ['report', 'reports/run', '--out', 'pages/a.html'],
        ['report', 'reports/part', '--out', 'pages/a.html'],
        ['report', 'reports/part', '--out', 'pages/a.html', '--force'],
      ],
      folder,
    );
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 0, 0, 2, 0]);
    expect(results[7]!.err).toMatch(/pages\/a.html is the report of run; .*--force/);
    for (const name of ['empty', 'reports/run', 'reports/forced']) {
      expect(readFileSync(at(`${name}/events.jsonl`), 'hex'), name).toBe(whole);
    }
    expect(readdirSync(at('pages'))).toEqual(['a.html']);
  });

  test('leaves a file of that name beside its place alone, and cleans only what a dead run of ours left', async () => {
    writeFileSync(at('reports/mine.partial'), 'not yours');
    mkdirSync(at('reports/dead.partial'));
    writeFileSync(at('reports/dead.partial/.retick-run'), 'of a killed process');
    writeFileSync(at('reports/dead.partial/events.jsonl'), '{}');
    mkdirSync(at('reports/theirs.partial'));
    writeFileSync(at('reports/theirs.partial/events.jsonl'), 'not yours');
    const names = ['mine', 'dead', 'theirs'];
    const results = await retickMany(
      names.map((name) => replay('--out', `reports/${name}`)),
      folder,
    );
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0]);
    for (const name of names) expect(existsSync(at(`reports/${name}/manifest.json`)), name).toBe(true);
    expect(readFileSync(at('reports/mine.partial'), 'utf8')).toBe('not yours');
    expect(readFileSync(at('reports/theirs.partial/events.jsonl'), 'utf8')).toBe('not yours');
    const left = readdirSync(at('reports')).filter((name) => name.includes('.partial'));
    expect(left.sort()).toEqual(['mine.partial', 'theirs.partial']);
    expect(readdirSync(at('reports/dead')).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('is written by many equal ones at once, and by no other one meanwhile', async () => {
    const place = at('reports/contested');
    const equal = { identity: 'a', isForced: false };
    const [first, second] = [await claimRun(place, equal), await claimRun(place, equal)];
    await expect(claimRun(place, { identity: 'b', isForced: true })).rejects.toThrow(
      /is writing another run/,
    );
    for (const claim of [first, second]) {
      cpSync(at('reports/run'), claim.partial, { recursive: true });
      const path = join(claim.partial, 'manifest.json');
      writeFileSync(path, readFileSync(path, 'utf8').replace(/"identity": "\w+"/, '"identity": "a"'));
      claim.commit(claim.name(''));
    }
    expect(readFileSync(join(place, 'events.jsonl'), 'hex')).toBe(
      readFileSync(at('reports/run/events.jsonl'), 'hex'),
    );
    expect(readdirSync(at('reports')).filter((name) => name.startsWith('contested'))).toEqual(['contested']);
  });

  test('that finds its place taken when it is done takes the next name instead', async () => {
    const place = at('reports/late');
    const claim = await claimRun(place, { identity: 'a', isForced: true });
    mkdirSync(place);
    writeFileSync(join(place, 'thesis.txt'), 'appeared meanwhile');
    const name = claim.name('');
    claim.commit(name);
    expect(name).toBe(`${place}-2`);
    expect(readdirSync(place)).toEqual(['thesis.txt']);
  });
});

test('the demo replaces what a demo made, and nothing that merely has its names', async () => {
  const own = workplace();
  afterAll(own.remove);
  const keep = join(own.folder, 'datasets/demo');
  const refusedBy = async (): Promise<Outcome> =>
    (await retickMany([['demo', '--seconds', '3']], own.folder))[0]!;
  mkdirSync(keep, { recursive: true });
  writeFileSync(join(keep, 'data.csv'), 'mine');
  expect(await refusedBy()).toMatchObject({
    code: 2,
    err: expect.stringMatching(/holds other files \(data.csv\)/),
  });
  cpSync(at('datasets/x'), join(own.folder, 'datasets/demo'), { recursive: true });
  expect(await refusedBy()).toMatchObject({ code: 2, err: expect.stringMatching(/rename it first/) });
  expect(readFileSync(join(keep, 'data.csv'), 'utf8')).toBe('mine');
});
