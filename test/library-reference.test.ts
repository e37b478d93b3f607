import { readFileSync } from 'node:fs'
import { expect, expectTypeOf, test } from 'vitest'
import * as library from '../src/index.ts'
import { type Loose, scratch } from './support/cli.ts'

// Each member of the types of the options, and each row of docs/reference/library.md. The compiler asks for a member that is new.

const PAGE = readFileSync(new URL('../docs/reference/library.md', import.meta.url), 'utf8')
const NIGHT = { task: 'nightly', schedule: '0 3 * * *' }
const SLOT = '2026-11-24T03:00:00Z'
const nothing = () => undefined
const store = `file:${scratch()}/ledger.db`
const ledger = library.createLedger({ store })

type Members<Options> = { readonly [Name in keyof Options]-?: Exclude<Options[Name], undefined> }

const READ = { ledgerTimeoutMs: 30_000, signal: new AbortController().signal }
const DAY = { since: '2026-11-24T00:00:00Z', until: new Date('2026-11-25T00:00:00Z') }
const RANGE = { ...READ, ...DAY }
const AUDIT = { ...RANGE, task: 'nightly', only: () => true, now: new Date(), progress: nothing }
const ROWS = { ...RANGE, task: 'nightly', limit: 5 }
const PAUSE = { ...READ, task: 'nightly', reason: 'holiday', by: 'mo', from: '2026-11-20', until: '2026-11-21' }
const { until: _, ...RESUME } = PAUSE
const { task: __, ...ALL } = PAUSE
const EXPECTATIONS = { graceMs: 1, lateAfterMs: 1, doneByMs: 1, after: ['self'], expect: 'rows>=1', owner: 'Payments' }
const FORCE: Members<library.Force> = {
  slot: SLOT,
  reason: 'x',
  by: 'mo',
  status: ['completed'],
  askedAt: new Date(),
  partOfRepair: true,
  plan: 'backfill-7',
  fresh: true,
  ignoreAfter: true,
}
const TASK: Members<library.TaskOptions> = {
  ...NIGHT,
  ...EXPECTATIONS,
  timezone: 'UTC',
  anchor: SLOT,
  signal: READ.signal,
  strict: true,
  maxLatenessMs: 86_400_000 * 300,
  catchUpMs: 60_000,
  sinceLastSuccess: true,
  maxAttempts: 2,
  retryDelayMs: 1,
  retryBackoff: 2,
  overlap: 'wait',
  overlapTimeoutMs: 1_000,
  afterTimeoutMs: 1_000,
  killAfterMs: 1_000,
  stopTimeoutMs: 1_000,
  onLeaseLost: 'stop',
  leaseMs: 600_000,
  heartbeatMs: 60_000,
  skewMs: 30_000,
  retentionMs: 86_400_000 * 90,
  ledgerTimeoutMs: 30_000,
}
const RUN: Members<library.RunOptions> = { ...TASK, eventTime: SLOT, force: FORCE }
const COMMAND: Members<library.CommandOptions> = {
  argv: ['true'],
  env: {},
  timeoutMs: null,
  stops: { aborted: READ.signal, onSignal: nothing, first: () => null } as never,
}

const OPTIONS = {
  createLedger: { store, log: nothing } satisfies Members<library.LedgerOptions>,
  run: RUN,
  task: TASK,
  force: FORCE,
  runCommand: COMMAND,
  get: { ...READ, task: 'nightly', slot: SLOT } satisfies Members<library.GetOptions>,
  history: ROWS satisfies Members<library.HistoryOptions>,
  slots: { ...ROWS, now: new Date(), emitProblem: nothing } satisfies Members<library.SlotsOptions>,
  check: {
    ...AUDIT,
    emitNote: nothing,
    emitSlot: nothing,
  } satisfies Members<library.CheckOptions>,
  health: AUDIT satisfies Members<library.HealthOptions>,
  findSlot: { ...READ, task: 'nightly', slot: SLOT } satisfies Members<library.FindSlotOptions>,
  rerunnable: {
    ...READ,
    task: 'nightly',
    from: '2026-11-24',
    until: '2026-11-24',
    status: ['missed'],
    emitDoubt: nothing,
    retentionMs: 86_400_000 * 3_650,
    withRunning: true,
    ranges: 'newest',
    endedRun: 'r',
  } satisfies Members<library.RerunnableOptions>,
  tasks: { ...READ, task: 'nightly', emitProblem: nothing } satisfies Members<library.TasksOptions>,
  resolve: {
    ...READ,
    task: 'nightly',
    slot: SLOT,
    state: 'completed',
    reason: 'x',
    runId: 'r',
    by: 'mo',
  } satisfies Members<library.ResolveOptions>,
  declare: {
    ...READ,
    ...NIGHT,
    ...EXPECTATIONS,
    timezone: 'UTC',
    anchor: SLOT,
    dryRun: true,
    reason: 'x',
    by: 'mo',
    from: '2026-11-20',
  } satisfies Members<library.DeclareOptions>,
  pause: PAUSE satisfies Members<library.PauseOptions>,
  pauseAll: ALL satisfies Members<Omit<library.PauseOptions, 'task'>>,
  resume: RESUME satisfies Members<library.ResumeOptions>,
  resumeAll: { ...READ, reason: 'x', by: 'mo', from: '2026-11-20' } satisfies Members<
    Omit<library.ResumeOptions, 'task'>
  >,
  retire: RESUME satisfies Members<library.RetireOptions>,
  exitCodeOf: { exitOnDuplicate: 3, stopSignal: 'SIGTERM' } satisfies Members<library.ExitCodeOptions>,
  slotOf: { schedule: NIGHT.schedule, timezone: 'UTC', anchor: SLOT } satisfies Members<library.ScheduleOptions>,
}
type Call = keyof typeof OPTIONS

const REQUIRED: Readonly<Record<Call, readonly string[]>> = {
  createLedger: ['store'],
  run: ['task', 'schedule'],
  task: ['task', 'schedule'],
  force: ['slot', 'reason'],
  runCommand: ['argv', 'env', 'stops', 'timeoutMs'],
  get: ['task', 'slot'],
  history: [],
  slots: [],
  check: [],
  health: [],
  findSlot: ['task', 'slot'],
  rerunnable: ['task', 'from'],
  tasks: [],
  resolve: ['task', 'slot', 'state', 'reason'],
  declare: ['task', 'schedule'],
  pause: ['task', 'reason'],
  pauseAll: ['reason'],
  resume: ['task'],
  resumeAll: [],
  retire: ['task', 'reason'],
  exitCodeOf: [],
  slotOf: ['schedule'],
}

const TOGETHER: Readonly<Record<string, Loose>> = {
  retryDelayMs: { maxAttempts: 2 },
  retryBackoff: { maxAttempts: 2, retryDelayMs: 1 },
  overlapTimeoutMs: { overlap: 'wait' },
  afterTimeoutMs: { after: ['self'] },
  anchor: { schedule: 'rate(1 hour)' },
  strict: { eventTime: SLOT },
}

function call(name: Call, options: unknown): unknown {
  const { run, tryRun, runCommand, task, ...methods } = ledger as Loose
  if (name === 'createLedger') return library.createLedger(options as never)
  if (name === 'exitCodeOf') return library.exitCodeOf(new Error('x'), options as never)
  if (name === 'slotOf') return library.slotOf(options as never, SLOT)
  if (name === 'task') return task(options).nextSlot()
  if (name === 'runCommand') return runCommand(NIGHT, options)
  if (name === 'force') return tryRun({ ...NIGHT, force: options }, nothing)
  return name === 'run' ? tryRun(options, nothing) : methods[name](options)
}

async function outcomeOf(name: Call, options: unknown) {
  const made = call(name, options)
  if (typeof made === 'object' && made !== null && Symbol.asyncIterator in made) {
    const all: unknown[] = []
    for await (const one of made as AsyncIterable<unknown>) all.push(one)
    return all
  }
  return made
}

const pick = (from: object, names: readonly string[]) =>
  Object.fromEntries(Object.entries(from).filter(([name]) => names.includes(name)))

test.each(Object.keys(OPTIONS) as Call[])(
  '%s takes each of its options, and asks for all that it needs',
  async (name) => {
    await ledger.tryRun({ ...NIGHT, eventTime: SLOT }, nothing)
    const [own, needed] = [OPTIONS[name], REQUIRED[name]]
    const least = pick(own, needed)
    for (const [option, value] of Object.entries(own)) {
      const given = {
        ...least,
        ...(name !== 'task' ? TOGETHER[option] : pick(TOGETHER[option] ?? {}, Object.keys(TASK))),
        [option]: value,
      }
      const said = await outcomeOf(name, given).then(nothing, (error: Error) => error.message)
      // An end of a pause that is over, and a run that has not ended, are refused by their rules.
      if (!(name.startsWith('pause') && option === 'until')) expect(said, option).toBeUndefined()
      if (needed.includes(option)) continue
      await outcomeOf(name, { ...least, [option]: undefined }).catch((error: Error) => {
        expect(error.message, option).toMatch(/^eventTime is undefined/)
      })
    }
    const missing = await outcomeOf(name, {}).then(nothing, (error: Error) => error.message)
    expect(missing ?? '').toEqual(
      needed.length === 0 ? '' : expect.stringMatching(/ (is|are) missing\. Give (it|them) to /),
    )
    for (const option of needed) expect(missing).toContain(option)
    await expect(outcomeOf(name, { ...least, [`${needed[0] ?? 'x'}_`]: 1 })).rejects.toThrow(`${name} has no option "`)
  },
)

test('declare removes each expectation that is null from the record', async () => {
  const { record } = await ledger.declare({ ...NIGHT, task: 'weekly', ...EXPECTATIONS })
  expect(record.expectations).toMatchObject(EXPECTATIONS)
  const none = Object.fromEntries(Object.keys(EXPECTATIONS).map((name) => [name, null]))
  const removed = await ledger.declare({ ...NIGHT, task: 'weekly', ...none })
  expect(Object.keys(removed.record.expectations ?? {})).toEqual(['since'])
})

test('a check and a list of slots are as of the time that is given', async () => {
  await ledger.declare({ ...NIGHT, task: 'daily', from: '2026-11-23' })
  const statuses = async (now: Date) => {
    const slots: unknown[] = []
    for await (const { status } of ledger.slots({ task: 'daily', ...DAY, now })) slots.push(status)
    for await (const { kind } of ledger.check({ task: 'daily', now })) slots.push(kind)
    for await (const { status, findings } of ledger.health({ task: 'daily', now })) slots.push(status, findings.missed)
    return slots
  }
  expect(await statuses(new Date('2026-11-24T03:10:00Z'))).toEqual(['due', 'missed', 'due', 1])
  expect(await statuses(new Date('2026-11-24T04:00:00Z'))).toEqual(['missed', 'missed', 'missed', 'missed', 2])
})

test('each result of a run has a verdict, and only a slot that another run has taken has none', () => {
  expectTypeOf<library.WorkOutcome<1>['verdict']>().toEqualTypeOf<library.VerdictJson>()
  expectTypeOf<library.RunOutcome<1>['verdict']>().toEqualTypeOf<library.VerdictJson>()
  type Taken = Extract<library.CaughtUp<1>, { readonly status: 'taken' }>
  expectTypeOf<Taken['verdict']>().toEqualTypeOf<null>()
  expectTypeOf<Exclude<library.CaughtUp<1>, Taken>['verdict']>().toEqualTypeOf<library.VerdictJson>()
})

/** The calls of the page with their options: `get({ task, slot })`. */
const SIGNATURES = [...PAGE.matchAll(/`(\w+)\((?:\w+, )?\{ ([^}]*) \}/g)].map(
  ([, name = '', options = '']) => [name, options.split(', ')] as const,
)

test.each(SIGNATURES)('the page has the options of %s, and no others', (name, options) => {
  const [own, needed] = [OPTIONS[name as Call], REQUIRED[name as Call]]
  const ofAll = name === 'slotOf' || name === 'exitCodeOf' ? [] : Object.keys(READ)
  const expected = Object.keys(own).filter((option) => !ofAll.includes(option))
  expect([...options].sort()).toEqual(
    expected.map((option) => (needed.includes(option) ? option : `${option}?`)).sort(),
  )
})

test('the page has each call, and each member of a force, a command and an attempt', async () => {
  const calls = Object.keys({ ...ledger, ...library })
  expect(calls.filter((name) => !new RegExp(`\`(ledger\\.)?${name}\\b`).test(PAGE))).toEqual([])
  for (const name of [...Object.keys(FORCE), ...Object.keys(COMMAND)]) expect(PAGE).toContain(`\`${name}\``)
  const [, list = ''] = /`Attempt`, which `work` gets:\n\n([\s\S]*?)\n\n/.exec(PAGE) ?? []
  await ledger.tryRun({ ...NIGHT, task: 'hourly' }, (attempt) => {
    expect(Object.keys(attempt).filter((name) => !new RegExp(`\`${name}\\b`).test(list))).toEqual([])
  })
  expect.assertions(2 + Object.keys(FORCE).length + Object.keys(COMMAND).length)
})
