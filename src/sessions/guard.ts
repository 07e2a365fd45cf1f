// What is done to a strategy's code before it runs: loops and calls count their steps, so that an endless one ends at
// the same step everywhere; what would go on after the engine's call (async functions) is taken out; what a strategy
// reaches for outside its inputs is found, to be told. The code's lines stay where they were.
import { type AnyNode, type Program, parse } from 'acorn';
import { EditedText, type Shifts } from './edit.ts';

/** Calls of a strategy's functions that may stand in each other: far fewer than any stack holds. */
export const DEPTH_MAX = 2000;

/** Names put into guarded code. They occur nowhere else in it, so that no strategy can write to them. */
export type GuardNames = {
  /** The counter of steps that are left. */
  readonly fuel: string;
  /** Called when none is left; throws, or fills the counter again. */
  readonly spent: string;
  /** How deep calls stand in each other. */
  readonly depth: string;
  /** Called when that is too deep; throws. */
  readonly deep: string;
  /** Called instead of an async function's body; throws. */
  readonly later: string;
  /** Called first in each catch; throws what a strategy may not catch. */
  readonly caught: string;
  /** Called with what is thrown, and gives it back: remembers where, for what knows no place of its own. */
  readonly thrown: string;
  /** Holds the functions above, and what fills the counter. */
  readonly guard: string;
};

type FunctionNode = Extract<
  AnyNode,
  { type: 'FunctionDeclaration' | 'FunctionExpression' | 'ArrowFunctionExpression' }
>;

/** A place in code, and what was found there. */
export type Finding = {
  readonly kind: 'clock' | 'chance' | 'float' | 'absent' | 'import' | 'retick';
  /** As it would be written: `Math.exp`. */
  readonly name: string;
  readonly line: number;
  readonly column: number;
};

export type Guarded = {
  readonly code: string;
  readonly shifts: Shifts;
  readonly names: GuardNames;
  readonly findings: readonly Finding[];
  /** Source texts of what were async functions. */
  readonly later: readonly string[];
  /** Where the last member called `decide` stands: of a bundle, in the strategy's own file. */
  readonly decide: { readonly line: number; readonly column: number } | undefined;
};

export function guard(code: string, options: { readonly counts: boolean }): Guarded {
  const program = parse(code, {
    ecmaVersion: 'latest',
    sourceType: 'script',
    locations: true,
    allowReserved: true,
  });
  const names = namesFor(code);
  const text = new EditedText(code);
  const laters: { readonly from: number; readonly to: number; readonly was: string }[] = [];
  let decide: Guarded['decide'];
  visit(program, undefined, (node, parent) => {
    if (node.type === 'Property' && keyOf(node.key, node.computed) === 'decide') decide = node.loc!.start;
    if (isFunction(node) && node.async) {
      laters.push({ from: node.start, to: node.end, was: takeOut(code, text, { node, parent }, names) });
      return false;
    }
    if (options.counts) count(node, parent, text, names);
    return true;
  });
  const { text: result, shifts } = text.finish();
  return {
    code: result,
    shifts,
    names,
    findings: options.counts ? findingsIn(program) : [],
    later: laters.map(({ was }) => was),
    decide,
  };
}

function namesFor(code: string): GuardNames {
  const own = (name: string): string => {
    let unique = `$${name}`;
    while (code.includes(unique)) unique = `$${unique}`;
    return unique;
  };
  return {
    fuel: own('fuel'),
    spent: own('spent'),
    depth: own('depth'),
    deep: own('deep'),
    later: own('later'),
    caught: own('caught'),
    thrown: own('thrown'),
    guard: own('guard'),
  };
}

function isFunction(node: AnyNode): node is FunctionNode {
  return /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type);
}

/** A throw takes far longer than a turn of a loop: counted so, a loop of nothing else ends as soon as others. */
const THROW_STEPS = 1000;

/** Each turn of a loop and each call of a function is a step; what throws, catches or drops an error counts for many. */
function count(node: AnyNode, parent: AnyNode | undefined, text: EditedText, names: GuardNames): void {
  const step = `if(--${names.fuel}<0)${names.spent}();`;
  switch (node.type) {
    case 'WhileStatement':
    case 'DoWhileStatement':
    case 'ForStatement':
    case 'ForInStatement':
    case 'ForOfStatement':
      if (node.body.type === 'BlockStatement') text.insert(node.body.start + 1, step);
      else {
        text.insert(node.body.start, `{${step}`);
        text.insert(node.body.end, '}');
      }
      return;
    case 'FunctionDeclaration':
    case 'FunctionExpression':
    case 'ArrowFunctionExpression':
      countCall(node, parent, text, names);
      return;
    case 'CatchClause':
      catchFirst(node, text, names);
      return;
    case 'ThrowStatement':
      text.insert(node.argument.start, `(${names.fuel}-=${THROW_STEPS},${names.thrown}((`);
      text.insert(node.argument.end, ')))');
      return;
    case 'TryStatement':
      if (node.finalizer != null && contains(node.finalizer, /^(Continue|Break|Return)Statement$/)) {
        text.insert(node.finalizer.start + 1, `${names.fuel}-=${THROW_STEPS};`);
      }
      return;
    default:
  }
}

/**
 * Calls that stand in each other are bounded, too: how many of them a stack holds differs between machines, and between a
 * live run and a replay. A function that calls none cannot be one of many; a generator is left before it is done.
 */
function countCall(
  node: FunctionNode,
  parent: AnyNode | undefined,
  text: EditedText,
  { fuel, spent, depth, deep }: GuardNames,
): void {
  const { body } = node;
  const step = `if(--${fuel}<0)${spent}();`;
  const isAccessor = parent?.type === 'Property' || parent?.type === 'MethodDefinition';
  const isNesting = !node.generator && (contains(body, CALLS) || (isAccessor && parent.kind !== 'init'));
  const enter = `if(++${depth}>${DEPTH_MAX})${deep}();`;
  const leave = `}finally{--${depth}}`;
  if (body.type === 'BlockStatement') {
    text.insert(body.start + 1, isNesting ? `${step}try{${enter}` : step);
    if (isNesting) text.insert(body.end - 1, leave);
  } else if (isNesting) {
    // The body may stand in brackets, which belong to the arrow.
    text.insert(text.original.lastIndexOf('=>', body.start) + 2, `{${step}try{${enter}return `);
    text.insert(node.end, `${leave}}`);
  } else {
    text.insert(body.start, `(--${fuel}<0&&${spent}(),`);
    text.insert(body.end, ')');
  }
}

const CALLS = /^(CallExpression|NewExpression|TaggedTemplateExpression)$/;

/** Whether a node of these types stands in it, but not in a function of its own. */
function contains(body: AnyNode, types: RegExp): boolean {
  let found = false;
  visit(body, undefined, (node) => {
    if (types.test(node.type)) found = true;
    return !found && !isFunction(node);
  });
  return found;
}

function catchFirst(
  { param, body }: Extract<AnyNode, { type: 'CatchClause' }>,
  text: EditedText,
  { caught, fuel }: GuardNames,
): void {
  const first = (error: string): string => `${fuel}-=${THROW_STEPS};${caught}(${error});`;
  if (param == null) {
    text.insert(body.start, `(${caught}$)`);
    text.insert(body.start + 1, first(`${caught}$`));
  } else if (param.type === 'Identifier') {
    text.insert(body.start + 1, first(param.name));
  } else {
    // `catch ({ message })` takes its error apart before anything could look at it.
    text.insert(param.start, `${caught}$){${first(`${caught}$`)}let `);
    text.insert(param.end, `=${caught}$;`);
    text.replace(param.end, body.start, '');
    text.insert(body.end, '}');
  }
}

/** An async function as a plain one that only throws. Returns its text as it stands then. */
function takeOut(
  code: string,
  text: EditedText,
  { node, parent }: { readonly node: FunctionNode; readonly parent: AnyNode | undefined },
  { later }: GuardNames,
): string {
  const isMethod = (parent?.type === 'Property' && parent.method) || parent?.type === 'MethodDefinition';
  const from = isMethod ? parent.start : node.start;
  const to = isMethod
    ? parent.key.start
    : node.type === 'ArrowFunctionExpression'
      ? from + 'async'.length
      : code.indexOf('(', from);
  const head = code.slice(from, to);
  const plain = head.replace('async', '     ').replace('*', ' ');
  text.replace(from, to, plain.replaceAll('\n', ' '));
  const isBlock = node.body.type === 'BlockStatement';
  const lines = '\n'.repeat(code.slice(node.body.start, node.body.end).split('\n').length - 1);
  text.replace(node.body.start, node.body.end, isBlock ? `{${later}();}` : `${later}()`);
  const body = isBlock ? `{${later}();}${lines}` : `${later}()${lines}`;
  return `${plain}${code.slice(to, node.body.start)}${body}`.trim();
}

/** Calls `enter` for a node before its children; those are left out when it answers false. */
function visit(
  node: AnyNode,
  parent: AnyNode | undefined,
  enter: (node: AnyNode, parent: AnyNode | undefined) => boolean,
): void {
  if (!enter(node, parent)) return;
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) visit(child, node, enter);
    }
  }
}

function isNode(value: unknown): value is AnyNode {
  return (
    typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string'
  );
}

const CLOCK = [member('Date', 'now'), 'performance', 'Temporal.Now'];
const CHANCE = [member('Math', 'random'), 'crypto.getRandomValues', member('crypto', 'randomUUID')];
const FLOATS = new Set(
  'exp expm1 log log2 log10 log1p pow sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh cbrt hypot'
    .split(' ')
    .map((name) => `Math.${name}`),
);
/** What Node and browsers have, and a strategy has not; each with what to use instead. */
export const ABSENT: Readonly<Record<string, string>> = {
  process: 'settings belong in `params`',
  fetch: 'a strategy sees its declared inputs only',
  WebSocket: 'a strategy sees its declared inputs only',
  XMLHttpRequest: 'a strategy sees its declared inputs only',
  setTimeout: "use trigger: () => ({ on: 'timer', everyUs })",
  setInterval: "use trigger: () => ({ on: 'timer', everyUs })",
  setImmediate: 'a strategy is called when its trigger fires',
  queueMicrotask: 'a strategy is called when its trigger fires',
  Promise: 'a strategy answers at once',
  Atomics: 'a strategy runs alone',
  SharedArrayBuffer: 'a strategy runs alone; ArrayBuffer is there',
  WeakRef: 'when memory is reclaimed differs from run to run',
  FinalizationRegistry: 'when memory is reclaimed differs from run to run',
  WebAssembly: 'code is loaded from the strategy file and what it imports',
  Buffer: 'Uint8Array is there',
  Worker: 'a strategy runs alone',
  __dirname: 'a strategy has no files',
  __filename: 'a strategy has no files',
};

/** Where the code reaches beyond its inputs, in the order of the code. A name it declares itself anywhere is its own. */
function findingsIn(program: Program): readonly Finding[] {
  const declared = declaredIn(program);
  const aliases = new Map<string, string>();
  const found: Finding[] = [];
  const globalOf = (node: AnyNode): string | undefined => {
    if (node.type === 'Identifier') {
      const alias = aliases.get(node.name);
      if (alias !== undefined) return alias;
      return declared.has(node.name) ? undefined : node.name;
    }
    if (node.type !== 'MemberExpression') return undefined;
    const key = keyOf(node.property, node.computed);
    const object = globalOf(node.object);
    if (key === undefined || object === undefined) return undefined;
    return object === 'globalThis' ? key : `${object}.${key}`;
  };
  const note = (kind: Finding['kind'], name: string, node: AnyNode): void => {
    const { line, column } = node.loc!.start;
    found.push({ kind, name, line, column });
  };
  visit(program, undefined, (node, parent) => {
    if (node.type === 'VariableDeclarator' && node.init != null) {
      const source = globalOf(node.init);
      if (source === 'Math' || source === 'Date' || source === 'crypto' || source === 'Temporal') {
        if (node.id.type === 'Identifier') aliases.set(node.id.name, source);
        if (node.id.type === 'ObjectPattern') {
          for (const property of node.id.properties) {
            if (property.type !== 'Property') continue;
            const key = keyOf(property.key, property.computed);
            const kind = key === undefined ? undefined : kindOf(`${source}.${key}`);
            if (kind !== undefined) note(kind, `${source}.${key}`, property);
          }
        }
      }
    }
    const asked = node.type === 'MemberExpression' ? surfaceName(node) : undefined;
    if (asked !== undefined) note('retick', asked, node);
    if (node.type === 'ImportExpression') note('import', 'import()', node);
    if (isVagueExponent(node)) note('float', '**', node);
    if (isBareDate(node) && globalOf(node.callee) === 'Date') {
      note('clock', `${node.type === 'NewExpression' ? 'new ' : ''}Date()`, node);
    }
    const isPart =
      parent?.type === 'MemberExpression' && parent.object === node && globalOf(parent) !== undefined;
    const isName = node.type === 'Identifier' && isReference(node, parent);
    const name = !isPart && (isName || node.type === 'MemberExpression') ? globalOf(node) : undefined;
    const kind = name === undefined || isGuardedType(parent) ? undefined : kindOf(name);
    if (kind !== undefined) note(kind, kind === 'absent' ? name!.split('.')[0]! : name!, node);
    return true;
  });
  return found;
}

/** The bundler calls an import of retick's `import_retick`, `import_retick2` … */
function surfaceName({
  object,
  property,
  computed,
}: Extract<AnyNode, { type: 'MemberExpression' }>): string | undefined {
  return object.type === 'Identifier' && /^import_retick\d*$/.test(object.name)
    ? keyOf(property, computed)
    : undefined;
}

/** A name as code writes it, in a file that only knows it. */
function member(object: string, key: string): string {
  return `${object}.${key}`;
}

function kindOf(name: string): Finding['kind'] | undefined {
  const isUnder = (root: string): boolean => name === root || name.startsWith(`${root}.`);
  if (FLOATS.has(name)) return 'float';
  if (CLOCK.some(isUnder)) return 'clock';
  if (CHANCE.some(isUnder)) return 'chance';
  return Object.hasOwn(ABSENT, name.split('.')[0]!) ? 'absent' : undefined;
}

function keyOf(node: AnyNode, isComputed: boolean): string | undefined {
  if (!isComputed && node.type === 'Identifier') return node.name;
  return node.type === 'Literal' && typeof node.value === 'string' ? node.value : undefined;
}

/** `new Date()`, `new Date` and `Date(…)` read the clock. */
function isBareDate(node: AnyNode): node is Extract<AnyNode, { type: 'NewExpression' | 'CallExpression' }> {
  return node.type === 'CallExpression' || (node.type === 'NewExpression' && node.arguments.length === 0);
}

/** A power whose exponent is not seen to be a whole number. */
function isVagueExponent(node: AnyNode): boolean {
  const right =
    node.type === 'BinaryExpression' && node.operator === '**'
      ? node.right
      : node.type === 'AssignmentExpression' && node.operator === '**='
        ? node.right
        : undefined;
  if (right === undefined) return false;
  const literal = right.type === 'UnaryExpression' && right.operator === '-' ? right.argument : right;
  return !(
    literal.type === 'Literal' &&
    (typeof literal.value === 'bigint' || Number.isInteger(literal.value))
  );
}

/** `typeof process` only asks whether there is one. */
function isGuardedType(parent: AnyNode | undefined): boolean {
  return parent?.type === 'UnaryExpression' && parent.operator === 'typeof';
}

function isReference(node: AnyNode, parent: AnyNode | undefined): boolean {
  if (parent?.type === 'MemberExpression') return parent.object === node || parent.computed;
  if (parent?.type === 'Property') return parent.value === node;
  return !/^(MethodDefinition|PropertyDefinition|LabeledStatement|BreakStatement|ContinueStatement)$/.test(
    parent?.type ?? '',
  );
}

function declaredIn(program: Program): ReadonlySet<string> {
  const declared = new Set<string>();
  const bind = (pattern: AnyNode | null | undefined): void => {
    switch (pattern?.type) {
      case 'Identifier':
        declared.add(pattern.name);
        return;
      case 'ObjectPattern':
        for (const property of pattern.properties)
          bind(property.type === 'Property' ? property.value : property);
        return;
      case 'ArrayPattern':
        for (const element of pattern.elements) bind(element);
        return;
      case 'AssignmentPattern':
        bind(pattern.left);
        return;
      case 'RestElement':
        bind(pattern.argument);
        return;
      default:
    }
  };
  visit(program, undefined, (node) => {
    if (node.type === 'VariableDeclarator' || node.type === 'ClassDeclaration') bind(node.id);
    if (isFunction(node)) {
      bind(node.id);
      for (const param of node.params) bind(param);
    }
    if (node.type === 'CatchClause') bind(node.param);
    return true;
  });
  return declared;
}
