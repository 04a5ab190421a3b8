/** One place of the code that is written otherwise. `find` stands in the file exactly once. */
export interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** A way to break the code on purpose: one rule that the system's promises rest on is taken away. */
export interface Mutation {
  readonly name: string;
  /** The invariant of docs/ARCHITECTURE.md that no longer holds, or `formats`: the rule of upgrades in docs/OPERATIONS.md. */
  readonly invariant: string;
  readonly edits: readonly Edit[];
  /** The test files that have to fail. */
  readonly tests: readonly string[];
}

const COMMITTER = 'lib/keeper/committer.ts';
const MATERIALIZER = 'lib/keeper/materializer.ts';
const LEASES = 'lib/keeper/thin-leases.ts';
const NOTIFIER = 'lib/api/watches/notifier.ts';

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'drop the condition on the append',
    invariant: 'I1',
    edits: [
      { file: COMMITTER, find: "item, condition: [{ kind: 'absent' }] }", replace: 'item, condition: [] }' },
    ],
    tests: ['test/keeper/append.test.ts', 'test/keeper/property.test.ts'],
  },
  {
    name: 'skip the writer-batch id: whoever finds the slot taken has lost',
    invariant: 'I2',
    edits: [
      {
        file: COMMITTER,
        find: 'const isOurs = winner === undefined || decodeHeader(winner).batchId === entry.batchId;',
        replace: 'const isOurs = winner === undefined;',
      },
      {
        file: COMMITTER,
        find: 'if (inFlight?.plan.entry?.batchId !== entry.batchId) {',
        replace: 'if (inFlight?.plan.entry !== entry) {',
      },
    ],
    tests: ['test/keeper/append.test.ts', 'test/keeper/property.test.ts'],
  },
  {
    name: 'refuse from a stale view',
    invariant: 'I3',
    edits: [
      {
        file: COMMITTER,
        find: 'if (this.#replica.head !== plan.head || !this.#replica.isCurrentSince(latest)) return false;',
        replace: 'if (this.#replica.head !== plan.head || latest < 0) return false;',
      },
    ],
    tests: ['test/keeper/append.test.ts', 'test/keeper/property.test.ts'],
  },
  {
    name: 'answer a write before its entry has been applied',
    invariant: 'I3',
    edits: [
      {
        file: COMMITTER,
        find: '      const winner = await this.#putUntilCertain(row.item, batch);',
        replace:
          '      settle(plan.planned, batch);\n      const winner = await this.#putUntilCertain(row.item, batch);',
      },
    ],
    tests: ['test/keeper/append.test.ts', 'test/keeper/property.test.ts'],
  },
  {
    name: 'read the log from the first key above a zxid instead of the entry that holds it',
    invariant: 'I5',
    edits: [
      {
        file: 'lib/keeper/changes.ts',
        find: 'yield* readPages(log, { from: await firstOfEntryWith(log, from) });',
        replace: 'yield* readPages(log, { from });',
      },
    ],
    tests: ['test/keeper/once.test.ts', 'test/keeper/changes.test.ts'],
  },
  {
    name: "answer a session's refusal without logging it",
    invariant: 'I6',
    edits: [
      {
        file: 'lib/keeper/planner.ts',
        find: 'if (!prepared.ok && isOfSession(prepared.refusal)) {',
        replace: 'if (!prepared.ok) {',
      },
    ],
    tests: ['test/keeper/once.test.ts'],
  },
  {
    name: 'answer a number that was spent on another request',
    invariant: 'I6',
    edits: [
      {
        file: 'lib/keeper/recorded.ts',
        find: "if (found.txn.recorded?.digest !== once.digest && request.kind !== 'noop') {",
        replace: 'if (false as boolean) {',
      },
    ],
    tests: ['test/keeper/once.test.ts'],
  },
  {
    name: 'fold a row over a window that moved on while it was read',
    invariant: 'I8',
    edits: [
      {
        file: 'lib/keeper/window.ts',
        find: 'for (const hold of this.#holds) limit = Math.min(limit, hold.base);',
        replace: '',
      },
    ],
    tests: ['test/keeper/hydration.test.ts', 'test/keeper/property.test.ts'],
  },
  {
    name: 'fold a row that is ahead of the view without reading on',
    invariant: 'I8',
    edits: [
      {
        file: 'lib/keeper/hydrator.ts',
        find: 'if (newest > this.#replica.head) await this.#replica.reachForRow(newest);',
        replace: '',
      },
    ],
    tests: ['test/keeper/hydration.test.ts', 'test/keeper/property.test.ts'],
  },
  {
    name: 'let a view that has slept trust an absent row',
    invariant: 'I8',
    edits: [
      {
        file: 'lib/keeper/hydrator.ts',
        find: 'return this.#replica.stalenessMs > HYDRATION_STALENESS_MS_MAX;',
        replace: 'return this.#replica.stalenessMs > HYDRATION_STALENESS_MS_MAX * 1_000_000;',
      },
    ],
    tests: ['test/keeper/hydration.test.ts'],
  },
  {
    name: 'move the watermark before its rows are written',
    invariant: 'I9',
    edits: [
      {
        file: MATERIALIZER,
        find: '    const rows = await this.#rows();\n',
        replace:
          '    const rows = await this.#rows();\n    await this.#put(watermarkRow(this.#replica.options.namespace, this.#end));\n',
      },
    ],
    tests: ['test/keeper/materializer.test.ts', 'test/keeper/property.test.ts'],
  },
  {
    name: 'write rows without their condition',
    invariant: 'I9',
    edits: [
      {
        file: MATERIALIZER,
        find: "return store.put({ table: 'state', item, condition });",
        replace: "return store.put({ table: 'state', item, condition: condition.slice(1) });",
      },
    ],
    tests: ['test/keeper/materializer.test.ts', 'test/keeper/property.test.ts'],
  },
  {
    name: 'leave no tombstones',
    invariant: 'I9',
    edits: [
      {
        file: MATERIALIZER,
        find: "return store.put({ table: 'state', item, condition });",
        replace:
          "if (item['gone'] === true) return store.delete({ table: 'state', key: { partition: String(item['pk']), sort: String(item['sk']) } });\n      return store.put({ table: 'state', item, condition });",
      },
    ],
    tests: ['test/keeper/materializer.test.ts', 'test/keeper/property.test.ts'],
  },
  {
    name: 'write rows of a batch that began long ago',
    invariant: 'I9',
    edits: [
      {
        file: MATERIALIZER,
        find: 'if (ageMs <= MATERIALIZE_WRITE_MS_MAX) return;',
        replace: 'if (ageMs >= 0) return;',
      },
    ],
    tests: ['test/keeper/materializer.test.ts'],
  },
  {
    name: 'look at no epoch on requests',
    invariant: 'I11',
    edits: [
      {
        file: 'lib/core/machine.ts',
        find: 'if (session.epoch !== origin.epoch) return refuse(ErrorCode.SessionMoved);',
        replace: '',
      },
    ],
    tests: ['test/core/sessions.test.ts', 'test/keeper/sessions.test.ts'],
  },
  {
    name: 'close a session whatever its epoch',
    invariant: 'I11',
    edits: [
      {
        file: 'lib/core/ops/close-session.ts',
        find: 'if (record.epoch !== request.epoch) return refuse(ErrorCode.SessionMoved);',
        replace: '',
      },
    ],
    tests: ['test/core/sessions.test.ts', 'test/keeper/thin-sessions.test.ts'],
  },
  {
    name: 'bring a lease that is gone back by its renewal',
    invariant: 'I12',
    edits: [
      {
        file: LEASES,
        find: "          { kind: 'greater', attribute: 'deadline', value: nowMs },\n          { kind: 'less', attribute: 'deadline', value: deadlineMs },\n",
        replace: '',
      },
    ],
    tests: ['test/keeper/thin-sessions.test.ts'],
  },
  {
    name: 'renew a lease that has lapsed',
    invariant: 'I12',
    edits: [
      {
        file: LEASES,
        find: "{ kind: 'greater', attribute: 'deadline', value: nowMs },",
        replace: "{ kind: 'exists' },",
      },
    ],
    tests: ['test/keeper/thin-sessions.test.ts'],
  },
  {
    name: 'delete a lease that was renewed meanwhile',
    invariant: 'I12',
    edits: [
      {
        file: LEASES,
        find: "condition: [{ kind: 'equals', attribute: 'deadline', value: lease.deadlineMs }],",
        replace: '',
      },
    ],
    tests: ['test/keeper/thin-sessions.test.ts'],
  },
  {
    name: "renew a gateway's lease that has lapsed",
    invariant: 'I12',
    edits: [
      {
        file: 'lib/keeper/gateway-lease.ts',
        find: "              { kind: 'greater', attribute: 'deadline', value: row.renewedAtMs },\n",
        replace: '',
      },
    ],
    tests: ['test/keeper/sessions.test.ts', 'test/keeper/reaper.test.ts', 'test/keeper/units.test.ts'],
  },
  {
    name: 'fire watches by transactions before their arming',
    invariant: 'I14',
    edits: [
      {
        file: 'lib/api/watches/firing.ts',
        find: 'if (trigger.zxid <= watch.armed || !FIRED[trigger.type].has(watch.kind)) return false;',
        replace: 'if (!FIRED[trigger.type].has(watch.kind)) return false;',
      },
    ],
    tests: ['test/api/watches/watches.test.ts', 'test/api/watches/property.test.ts'],
  },
  {
    name: 'move the cursor of notify before its marks are written',
    invariant: 'I14',
    edits: [
      {
        file: NOTIFIER,
        find: '      const done = await this.#work(batch, thinBefore);\n',
        replace:
          '      await this.#store.moveCursor(last.last);\n      const done = await this.#work(batch, thinBefore);\n',
      },
    ],
    tests: ['test/api/watches/watches.test.ts', 'test/api/watches/property.test.ts'],
  },
  {
    name: 'delete a blob without the no-op before it',
    invariant: 'I4',
    edits: [
      {
        file: 'lib/keeper/garbage.ts',
        find: 'const end = await appendNoop(options.keeper);',
        replace: 'const end = await options.keeper.replica.sync();',
      },
    ],
    tests: ['test/keeper/garbage.test.ts'],
  },
  {
    name: 'delete a blob of a trimmed entry that a znode still has',
    invariant: 'I4',
    edits: [
      {
        file: 'lib/keeper/garbage.ts',
        find: 'const isUsed = await hasBlob(keeper, garbage);',
        replace: 'const isUsed = (await hasBlob(keeper, garbage)) && false;',
      },
    ],
    tests: ['test/keeper/garbage.test.ts'],
  },
  {
    name: 'write a format before the namespace is switched to it',
    invariant: 'formats',
    edits: [
      {
        file: 'lib/keeper/allowance.ts',
        find: 'return Math.min(this.#switchedTo, newestFormat());',
        replace: 'return newestFormat();',
      },
    ],
    tests: ['test/operations/rolling-upgrade.test.ts'],
  },
  {
    name: 'delete trimmed rows instead of leaving their stubs',
    invariant: 'I4',
    edits: [
      {
        file: 'lib/keeper/trim.ts',
        find: "options.store.put({ table: 'log', item, condition })",
        replace:
          "options.store.delete({ table: 'log', key: { partition: namespace, sort: Number(item['zxid']) }, condition })",
      },
    ],
    tests: ['test/keeper/trim.test.ts'],
  },
  {
    name: 'tell changes by the part of a transaction that the window keeps for a record',
    invariant: 'I14',
    edits: [
      {
        file: 'lib/keeper/window.ts',
        find: '    const txn = entry?.txns[zxid - entry.first];',
        replace:
          '    const txn = [...this.#items.values()].flat().find(({ position }) => position.zxid === zxid)?.txn;',
      },
    ],
    tests: ['test/keeper/changes.test.ts'],
  },
];
