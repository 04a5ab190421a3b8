/**
 * The rules that keep the layers apart, as a function of the sources. Reads nothing, so that it can be tested on samples.
 *
 * Imports of types count for the layers: whoever knows another layer's types depends on it. They do not count for cycles:
 * they are gone at run time, and two files of a layer may well describe each other's values.
 */
import ts from 'typescript';

/** A source file: its path from the project's root, with forward slashes, and its text. */
export interface SourceText {
  readonly path: string;
  readonly text: string;
}

interface Import {
  readonly from: string;
  readonly specifier: string;
  /** Gone at run time. */
  readonly typeOnly: boolean;
  readonly line: number;
}

/** What each layer may import besides itself. What is not listed is a layer nobody knows, and an error. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  'lib/base': [],
  'lib/core': ['lib/base'],
  'lib/log': ['lib/base', 'lib/core'],
  'lib/keeper': ['lib/base', 'lib/core', 'lib/log'],
  'lib/wire': ['lib/base', 'lib/core'],
  'lib/gateway': ['lib/base', 'lib/core', 'lib/log', 'lib/keeper', 'lib/wire'],
  'lib/client': ['lib/base', 'lib/core', 'lib/log', 'lib/keeper', 'lib/wire'],
  'lib/api': ['lib/base', 'lib/core', 'lib/log', 'lib/keeper', 'lib/wire'],
  functions: ['lib/base', 'lib/core', 'lib/log', 'lib/keeper', 'lib/wire', 'lib/api'],
  'lib/operations': ['lib/base', 'lib/core', 'lib/log', 'lib/keeper', 'lib/wire', 'lib/client'],
  'lib/emulator': [
    'lib/base',
    'lib/core',
    'lib/log',
    'lib/keeper',
    'lib/wire',
    'lib/gateway',
    'lib/client',
    'lib/api',
    'functions',
  ],
  'lib/cli': [
    'lib/base',
    'lib/core',
    'lib/log',
    'lib/keeper',
    'lib/wire',
    'lib/gateway',
    'lib/client',
    'lib/operations',
    'lib/emulator',
  ],
  cdk: ['lib/base', 'lib/core', 'lib/log', 'lib/keeper'],
};

interface Restriction {
  readonly what: string;
  readonly matches: (name: string) => boolean;
  /** Knowing the types alone is no use of the thing. */
  readonly typesAreFree?: boolean;
  /** Path prefixes, each with the reason. */
  readonly allowed: Readonly<Record<string, string>>;
}

/** Modules that only some places may import. */
const MODULES: readonly Restriction[] = [
  {
    what: '@aws-sdk',
    matches: (name) => name.startsWith('@aws-sdk/'),
    allowed: {
      'lib/log/dynamo-': 'implements the store port',
      'lib/emulator/': 'drives the DynamoDB engine, its tables and streams',
      'lib/client/transports/': 'transports speak to Lambda and DynamoDB',
      'lib/operations/aws-': 'asks AWS how a deployment is set up',
      'functions/shared/': 'makes the clients that the functions share',
    },
  },
  {
    what: 'sockets',
    typesAreFree: true,
    matches: (name) => /^(node:)?(net|tls|dgram|http|https|http2)$/.test(name),
    allowed: {
      'lib/gateway/': 'is the TCP server',
      'lib/client/tcp': 'is the TCP transport',
      'lib/client/transports/tcp': 'is the TCP transport',
      'lib/emulator/': 'finds free ports and waits for what it starts',
      'lib/cli/': 'sends four-letter words and reports ports that are taken',
    },
  },
];

const TIME_AND_CHANCE: Readonly<Record<string, string>> = {
  'lib/base/': 'is where the clock, timers and randomness come from',
  'lib/emulator/data-directory.ts': 'names a temporary file, which nothing simulates',
};

/** Names whose use is a clock, a timer or randomness. */
const TIME_AND_CHANCE_CALLS = new Set([
  'Date.now',
  'performance.now',
  'process.hrtime',
  'process.hrtime.bigint',
  'Math.random',
  'setTimeout',
  'setInterval',
  'globalThis.setTimeout',
  'globalThis.setInterval',
  'crypto.randomUUID',
  'crypto.getRandomValues',
]);

/** Things of Node's own modules that are a clock, a timer or randomness. */
const TIME_AND_CHANCE_IMPORTS: Readonly<Record<string, RegExp>> = {
  crypto: /^(randomBytes|randomUUID|randomInt|randomFill|randomFillSync|getRandomValues|webcrypto)$/,
  timers: /./,
  'timers/promises': /./,
  perf_hooks: /./,
};

/** Every violation in the given files, as `path:line: what is wrong`. */
export function violations(files: readonly SourceText[]): readonly string[] {
  const parsed = files.map((file) => ({
    path: file.path,
    source: ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true),
  }));
  const imports = parsed.flatMap(({ path, source }) => importsOf(path, source));
  return [
    ...imports.flatMap(layerViolations),
    ...imports.flatMap(moduleViolations),
    ...cycles(files, imports),
    ...parsed.flatMap(({ path, source }) => timeViolations(path, source)),
    ...parsed.flatMap(({ path, source }) => asyncViolations(path, source)),
  ];
}

function importsOf(path: string, source: ts.SourceFile): Import[] {
  const found: Import[] = [];
  const add = (specifier: ts.Node | undefined, typeOnly: boolean) => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return;
    found.push({ from: path, specifier: specifier.text, typeOnly, line: lineOf(source, specifier) });
  };
  visit(source, (node) => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    } else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      add(node.argument.literal, true);
    else if (ts.isExternalModuleReference(node)) add(node.expression, false);
    else if (ts.isCallExpression(node) && isLoad(node.expression)) add(node.arguments[0], false);
  });
  return found;
}

function isLoad(callee: ts.Expression): boolean {
  return callee.kind === ts.SyntaxKind.ImportKeyword || callee.getText() === 'require';
}

/** The layer that a path belongs to: the folder below lib, else the top folder. */
function layerOf(path: string): string {
  const [top = '', below = ''] = path.split('/');
  return top === 'lib' ? `lib/${below}` : top;
}

/** The file that a relative specifier means, or `undefined` for a package or one of Node's own modules. */
function targetOf(entry: Import): string | undefined {
  if (!entry.specifier.startsWith('.')) return undefined;
  const parts = entry.from.split('/').slice(0, -1);
  for (const part of entry.specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/').replace(/\.js$/, '.ts');
}

/** Recipes are what an application could have written: of the project they know the client's public interface and each other. */
const RECIPES = 'lib/client/recipes/';
const PUBLIC_INTERFACE = 'lib/client/index.ts';

function layerViolations(entry: Import): string[] {
  const target = targetOf(entry);
  if (target === undefined) return [];
  if (entry.from.startsWith(RECIPES) && !target.startsWith(RECIPES) && target !== PUBLIC_INTERFACE)
    return [`${entry.from}:${entry.line}: a recipe must not import ${target}`];
  const from = layerOf(entry.from);
  const to = layerOf(target);
  const allowed = LAYERS[from];
  if (allowed === undefined) return [`${entry.from}:${entry.line}: ${from} is no layer that is known`];
  if (from === to || allowed.includes(to)) return [];
  return [`${entry.from}:${entry.line}: ${from} must not import ${to} (${entry.specifier})`];
}

function moduleViolations(entry: Import): string[] {
  return MODULES.filter((rule) => !(entry.typeOnly && rule.typesAreFree === true))
    .filter((rule) => rule.matches(entry.specifier) && !isAllowed(entry.from, rule.allowed))
    .map((rule) => `${entry.from}:${entry.line}: ${rule.what} must not be used here (${entry.specifier})`);
}

function isAllowed(path: string, allowed: Readonly<Record<string, string>>): boolean {
  return Object.keys(allowed).some((prefix) => path.startsWith(prefix));
}

function cycles(files: readonly SourceText[], imports: readonly Import[]): string[] {
  const edges = new Map<string, string[]>(files.map((file) => [file.path, []]));
  for (const entry of imports) {
    const target = targetOf(entry);
    if (!entry.typeOnly && target !== undefined) edges.get(entry.from)?.push(target);
  }
  const found: string[] = [];
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]) => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      found.push(`${path}: circular import: ${[...trail.slice(start), path].join(' -> ')}`);
      return;
    }
    if (done.has(path)) return;
    for (const next of edges.get(path) ?? []) walk(next, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) walk(path, []);
  return found;
}

function timeViolations(path: string, source: ts.SourceFile): string[] {
  if (isAllowed(path, TIME_AND_CHANCE)) return [];
  const found: string[] = [];
  const report = (node: ts.Node, name: string) =>
    found.push(`${path}:${lineOf(source, node)}: ${name}: time and chance come in as parameters`);
  visit(source, (node) => {
    if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length) {
      report(node, 'new Date()');
    } else if (ts.isCallExpression(node) && node.expression.getText() === 'Date') report(node, 'Date()');
    else if (ts.isImportDeclaration(node)) for (const name of chanceImports(node)) report(node, name);
    else if (isUse(node) && TIME_AND_CHANCE_CALLS.has(node.getText())) report(node, node.getText());
  });
  return found;
}

/** A name that is read, whether it is called at once or handed on. */
function isUse(node: ts.Node): node is ts.Expression {
  if (ts.isPropertyAccessExpression(node)) return true;
  if (!ts.isIdentifier(node)) return false;
  const parent = node.parent;
  if (ts.isCallExpression(parent)) return true;
  if (ts.isPropertyAccessExpression(parent)) return false;
  return (ts.isPropertyAssignment(parent) || ts.isVariableDeclaration(parent)) && parent.initializer === node;
}

function chanceImports(node: ts.ImportDeclaration): string[] {
  if (!ts.isStringLiteral(node.moduleSpecifier)) return [];
  const module = node.moduleSpecifier.text.replace(/^node:/, '');
  const forbidden = TIME_AND_CHANCE_IMPORTS[module];
  const bindings = node.importClause?.namedBindings;
  if (forbidden === undefined) return [];
  if (bindings === undefined || ts.isNamespaceImport(bindings)) {
    return [`all of ${module} (name what is used)`];
  }
  return bindings.elements
    .map((element) => (element.propertyName ?? element.name).text)
    .filter((name) => forbidden.test(name))
    .map((name) => `${name} of ${module}`);
}

/** The core is pure and synchronous. */
function asyncViolations(path: string, source: ts.SourceFile): string[] {
  if (!path.startsWith('lib/core/')) return [];
  const found: string[] = [];
  visit(source, (node) => {
    const waits = ts.isAwaitExpression(node) || node.kind === ts.SyntaxKind.AsyncKeyword;
    if (waits || (ts.isIdentifier(node) && node.text === 'Promise')) {
      found.push(`${path}:${lineOf(source, node)}: nothing in the core waits (${node.getText()})`);
    }
  });
  return found;
}

function visit(node: ts.Node, each: (node: ts.Node) => void): void {
  each(node);
  ts.forEachChild(node, (child) => visit(child, each));
}

function lineOf(source: ts.SourceFile, node: ts.Node): number {
  return source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
}
