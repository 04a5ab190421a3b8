/** What ZeroKeeper costs: units counted on the real code, times the prices of one file. `npm run costs -- --help`. */
import { parseArgs } from 'node:util';
import { formatTable } from '../lib/cli/format.js';
import type { Load } from './costs/month.js';
import { markdown, report, type Report } from './costs/report.js';

const HELP = `Usage: npm run costs [-- OPTIONS]

Prints what operations, months, sessions and an idle deployment cost, and what stands beside it. With any of the numbers the
months are one, of that load.

  --writes N    a month, default 0
  --reads N     a month, linearizable, default 0
  --sessions N  connected all the month, default 0
  --bytes N     of data in each write, default 100
  --keepers N   gateways, or processes over direct, default 1
  --json        everything as JSON
  --markdown    the tables as docs/COSTS.md has them
`;

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;

function commandLine() {
  return parseArgs({
    options: {
      ...{ writes: text, reads: text, sessions: text, bytes: text, keepers: text },
      ...{ json: flag, markdown: flag, help: flag },
    },
  }).values;
}

type Values = ReturnType<typeof commandLine>;

function amount(
  values: Values,
  name: 'writes' | 'reads' | 'sessions' | 'bytes' | 'keepers',
  fallback: number,
): number {
  const given = values[name];
  if (given === undefined) return fallback;
  if (!/^\d{1,15}$/.test(given)) throw new Error(`--${name} wants a whole number, not ${given}`);
  return Number(given);
}

function ownLoad(values: Values): Load[] | undefined {
  const { writes, reads, sessions, bytes, keepers } = values;
  if ([writes, reads, sessions, bytes, keepers].every((given) => given === undefined)) return undefined;
  return [
    {
      name: 'yours',
      writes: amount(values, 'writes', 0),
      reads: amount(values, 'reads', 0),
      sessions: amount(values, 'sessions', 0),
      bytes: amount(values, 'bytes', 100),
      keepers: amount(values, 'keepers', 1),
    },
  ];
}

function plain({ sections }: Report): string {
  return sections
    .map(
      ({ title, headings, rows, notes }) =>
        `${title}\n\n${formatTable(headings, rows)}\n${notes.join('\n')}\n`,
    )
    .join('\n');
}

try {
  const values = commandLine();
  if (values.help === true) console.log(HELP);
  else {
    const made = await report(ownLoad(values));
    const { prices, counts, idle, months } = made;
    if (values.json === true) console.log(JSON.stringify({ prices, counts, idle, months }, null, 2));
    else process.stdout.write(values.markdown === true ? markdown(made) : plain(made));
  }
} catch (error) {
  console.error(`costs: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
