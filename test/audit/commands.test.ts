import { expect, test } from 'vitest'
import { findSlot } from '../../src/audit/slots.ts'
import type { Rerunnable, Selectable } from '../../src/core/row/policy.ts'
import { collectNeeds, needsOf } from '../../src/format/check/needs.ts'
import { commandText } from '../../src/format/command-line.ts'
import { operatorMethods } from '../../src/operator-changes.ts'
import { resolveSlot } from '../../src/run/resolve.ts'
import { knownRecords } from '../../src/run/task/task-record.ts'
import type { TaskFinding } from '../../src/verdict/judge.ts'
import { inProcess } from '../support/in-process.ts'
import { runs } from '../support/random.ts'
import { overridesOf, wordsOfEach } from '../verdict/pasted.ts'
import { CLOCK, ledgerOf, NOW, numbers, SINCE } from './random-ledger.ts'

const LEDGERS = runs(8, 200)
const STATES = { completed: 'COMPLETED', skipped: 'SKIPPED', failed: 'FAILED' } as const

type Opened = Awaited<ReturnType<typeof ledgerOf>>

function openOperator({ store, ledger }: Opened) {
  // Some attempts of a random ledger have begun a few minutes after its present.
  const clock = { ...CLOCK, now: () => NOW + 1_800_000 }
  const { run } = inProcess(store, clock)
  const deps = { store, clock, pageTimeoutMs: 9_000, signals: [] }
  const host = async () => ({ host: { host: 'desk' }, place: null })
  const operator = operatorMethods(async () => deps, { host, random: Math.random, known: knownRecords(clock) })
  let ids = 0
  const newId = () => `decision-${++ids}`
  const force = async (
    task: string,
    slot: string | Date,
    more: { status?: readonly Rerunnable[]; partOfRepair?: true },
  ) => {
    const found = await ledger.findSlot({ task, slot })
    const again = { slot: found.slot, reason: 'x', by: 'ada', ignoreAfter: true, ...more }
    const trigger = { task, ...found.schedule, skewMs: found.skewMs, force: again }
    await run(trigger, (attempt) => attempt.report({ rows: 1 }))
  }
  const resolve = async (task: string, slot: string | Date, state: keyof typeof STATES) => {
    const { window, spec, skewMs } = await findSlot({ task, slot }, deps)
    const request = { task, window, schedule: spec, zoneData: 'z', runId: newId(), by: 'ada', reason: 'x' }
    const io = { ...deps, newId, random: Math.random, findSurvivor: () => null }
    await resolveSlot({ ...request, state: STATES[state] }, { skewMs, ledgerTimeoutMs: 9_000 }, io)
  }
  return async (words: readonly string[], task: string) => {
    if (words[0] === 'aws') {
      const { environment } = overridesOf(words)
      const status = environment['CRONLEDGER_STATUS']?.split(',') as readonly Rerunnable[] | undefined
      return force(task, environment['CRONLEDGER_FORCE_SLOT'] ?? '', status === undefined ? {} : { status })
    }
    const flag = (name: string) => (words.includes(`--${name}`) ? words[words.indexOf(`--${name}`) + 1] : undefined)
    const [name, slot, from = '', until] = [words[1], flag('slot'), flag('from'), flag('until')]
    const status = flag('status')?.split(',') as readonly Selectable[] | undefined
    if (words.includes('--dry-run') || name === 'declare') return undefined
    if (name === 'pause') return operator.pause({ task, from, until, reason: 'x', by: 'ada' })
    const slots: (string | Date)[] = slot === undefined ? [] : [slot]
    if (slot === undefined)
      for await (const one of ledger.rerunnable({ task, from, until, status })) slots.unshift(one.slot)
    const forced = {
      ...(status && { status: status as readonly Rerunnable[] }),
      ...(slot === undefined && { partOfRepair: true as const }),
    }
    for (const one of slots)
      await (name === 'resolve' ? resolve(task, one, flag('state') as keyof typeof STATES) : force(task, one, forced))
  }
}

const all = async (found: AsyncIterable<TaskFinding>) => {
  const findings: TaskFinding[] = []
  for await (const one of found) findings.push(one)
  return findings
}

test('the commands that check prints, each executed once in its order, leave nothing to do, in random ledgers', async () => {
  const settled = new Set<string>()
  const range = { since: new Date(SINCE), until: new Date(NOW + 1) }
  for (let seed = 1; seed <= LEDGERS; seed++) {
    const opened = await ledgerOf(numbers(seed))
    const execute = openOperator(opened)
    const { needs, add } = collectNeeds()
    for (const one of await all(opened.ledger.check(range))) {
      add(one)
      settled.add(`${one.kind} ${one.situation}`)
    }
    const steps = needsOf(needs, 'memory:').flatMap(({ task, steps }) => steps.map((step) => ({ ...step, task })))
    // The second of two commands is for an operator who does not want the first one.
    const wanted = steps.filter(
      ({ kind, what }) => kind !== 'log' && kind !== 'show' && !/^(\S+ \S+ \S+: )?or /.test(what),
    )
    const pasted = wordsOfEach(wanted.map(({ command }) => commandText(command)))
    for (const [index, { task }] of wanted.entries()) await execute(pasted[index] ?? [], task)
    // What runs, or cannot be read, cannot be settled.
    const isOpen = ({ kind, status }: TaskFinding) =>
      kind === 'unknown' || kind === 'overdue' || ['running', 'waiting'].includes(status)
    const left = (await all(opened.ledger.check(range))).filter((one) => !isOpen(one))
    expect(
      left.map(({ task, slot, kind }) => `${task} ${new Date(slot).toISOString()} ${kind}`),
      `seed ${seed}`,
    ).toEqual([])
  }
  expect(settled.size).toBeGreaterThan(8)
})
