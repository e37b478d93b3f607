import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import type { Ledger } from '../../api.ts'
import { EXIT } from '../../core/exit.ts'
import { keysOf } from '../../core/objects.ts'
import { hasStarted } from '../../core/row/attempts.ts'
import { DEFAULT_RERUNNABLE, RESOLVED_STATE, SELECTABLE, type Selectable } from '../../core/row/policy.ts'
import { MOST_ROWS, rangeStartOf } from '../../core/row/range.ts'
import type { Row } from '../../core/types.ts'
import {
  doubtfulSlot,
  type LeftOutSlot,
  leftOutLines,
  type SelectedSlot,
  selectedLines,
  selectedSlot,
  selectionEnd,
} from '../../format/rerun/plan.ts'
import { resolvedText, unresolvedText } from '../../format/resolve.ts'
import { slotJson, slotLine } from '../../format/slot/row.ts'
import { printable, safeJson } from '../../format/text.ts'
import { createLedger } from '../../ledger.ts'
import { systemClock } from '../../process/clock.ts'
import type { Sink } from '../../process/log/sink.ts'
import type { LeftOut } from '../../verdict/cautions.ts'
import { factsOf } from '../../verdict/found.ts'
import { type JudgedSlot, judge } from '../../verdict/judge.ts'
import { defineCommand, type Values } from '../options/arguments.ts'
import { COMMON, type CommandHelp } from '../options/options.ts'
import { print, printTexts } from '../output.ts'
import { checkSlotOrRange, SLOT_OR_RANGE } from './rerun/slot-or-range.ts'

const help = {
  name: 'resolve',
  summary:
    'Record the outcome of a stale or failed slot by hand, or skip a slot, even before it is due. With --from, do this for the missed, failed and stale slots of a range. Starts nothing. Later scheduled triggers of a slot that is completed or skipped are duplicates.',
  options: {
    store: COMMON.store,
    task: COMMON.task,
    ...SLOT_OR_RANGE,
    status: {
      kind: 'words',
      value: 'STATUS[,…]',
      choices: SELECTABLE.filter((one) => one !== 'completed'),
      otherwise: DEFAULT_RERUNNABLE.join(','),
      help: 'In a range, only slots with these statuses',
    },
    dryRun: { kind: 'switch', help: 'Print the slots of the range and record nothing' },
    state: {
      kind: 'choice',
      value: 'STATE',
      required: true,
      choices: keysOf(RESOLVED_STATE),
      help: 'New state to record',
    },
    run: {
      kind: 'text',
      value: 'ID',
      help: 'Run id of the latest attempt, if you know that this run has ended',
      details:
        'Resolves the slot although the lease of that run still holds; in a range, also the slots whose work it does. If the run is alive, it stops at its next heartbeat and cannot record its result. Until then, another run may start.',
    },
    reason: { ...COMMON.reason, required: true },
    by: { ...COMMON.by, group: 'Options' },
    json: COMMON.json,
    ledgerTimeoutMs: COMMON.ledgerTimeoutMs,
  },
  takesTask: true,
  examples: [
    [
      "cronledger resolve nightly --store dynamodb:cronledger --slot latest --state completed --reason 'checked by hand'",
      'the batch had done its work before it was killed',
    ],
    [
      "cronledger resolve nightly … --slot latest --run 0a1b2c3d4e5f60718293 --state completed --reason 'see its log'",
      'its batch succeeded, but the run could not record that; without waiting for the lease to end',
    ],
    ["cronledger resolve nightly … --slot 2026-12-24T03:00 --state skipped --reason 'holiday'", 'skip a future slot'],
    [
      "cronledger resolve nightly … --from 2026-11-20 --until 2026-11-22 --state skipped --reason 'no data' --dry-run",
      'list the slots of a range that would be skipped',
    ],
  ],
  notes: `Give --run only if that run has ended. If it is still alive, another run may start before it stops.\nExit codes: ${EXIT.ok}, otherwise as in run. ${EXIT.refused}: the slot is running or completed, or is not due yet (but may be skipped), or its latest attempt belongs to another run than --run names.`,
} as const satisfies CommandHelp

type ResolveValues = Values<typeof help.options>

export const resolve = defineCommand(help, async (values, { sink }) => {
  checkSlotOrRange(values, ['status', 'dryRun'])
  const ledger = createLedger({ store: values.store })
  const { slot, from = '', json = false } = values
  const resolveOne = (one: string | Date, runId?: string) => recordState(ledger, values, one, runId, sink)
  if (slot !== undefined) {
    const text = await resolveOne(slot, values.run)
    if (text === null) return EXIT.refused
    await print(text)
    return EXIT.ok
  }
  const { status = DEFAULT_RERUNNABLE } = values
  const { slots, leftOut } = await selectRange(ledger, { ...values, from, status })
  const sayLeftOut = () => leftOutLines(leftOut).map((line) => sink.write(line))
  const isEnded = ({ own }: SelectedSlot) => values.run !== undefined && own?.ownerRunId === values.run
  if (values.run !== undefined && slots.length > 0 && !slots.some(isEnded)) {
    sink.write(printable(`cronledger: ${noSlotOfRunText(values.task, values.run)}`))
    return EXIT.refused
  }
  if (values.dryRun || slots.length === 0) {
    async function* lines() {
      for (const one of slots) yield json ? slotLine(one) : selectedLines(one, values.store)
      if (!json) yield* selectionEnd(slots, { only: status, leftOut })
    }
    await printTexts(lines(), json)
    if (json) sayLeftOut()
    return EXIT.ok
  }
  let isRefused = false
  async function* texts() {
    // The slots in the range of that run are open once its own is resolved.
    for (const one of slots.toSorted((a, b) => Number(isEnded(b)) - Number(isEnded(a)))) {
      const text = await resolveOne(new Date(one.slot), isEnded(one) ? values.run : undefined)
      if (text !== null) yield text
      else {
        isRefused = true
        if (isEnded(one)) return
      }
    }
  }
  // A reader that has gone away must not end the changes.
  await printTexts(texts(), json, { toTheEnd: true })
  sayLeftOut()
  return isRefused ? EXIT.refused : EXIT.ok
})

/** An operator who names a run means the work of that run only, not the other open slots of the range. */
function noSlotOfRunText(task: string, runId: string): string {
  return `${task}: nothing was recorded, because run ${runId} has no open slot in this range. If its slot is resolved already, leave --run out.`
}

/** The number of slots that are listed before signals can be handled. This takes some milliseconds. */
const SLOTS_AT_A_TIME = 1_000

type RangeValues = Omit<ResolveValues, 'status'> & { readonly from: string; readonly status: readonly Selectable[] }

async function selectRange(ledger: Ledger, values: RangeValues) {
  const slots: SelectedSlot[] = []
  const leftOut: LeftOutSlot[] = []
  const emitDoubt = (_: Date, why: LeftOut, judged: JudgedSlot) =>
    void leftOut.push(doubtfulSlot(judged, why, values.store))
  const range = { ...values, ranges: 'none', endedRun: values.run, emitDoubt } as const
  for await (const { why, judged } of ledger.rerunnable(range)) {
    slots.push(selectedSlot(judged, why))
    if (slots.length % SLOTS_AT_A_TIME === 0) await yieldToEventLoop()
  }
  return { slots, leftOut }
}

/** Records the decision for one slot. Returns the answer, or null if it was refused, which the log says. */
async function recordState(
  ledger: Ledger,
  values: ResolveValues,
  slot: string | Date,
  runId: string | undefined,
  sink: Sink,
) {
  const { store, task, state, reason, json } = values
  const result = await ledger.resolve({ ...values, slot, runId })
  const recorded = RESOLVED_STATE[state]
  if (result.kind !== 'resolved') {
    sink.write(unresolvedText(result, { store, task, slot: result.slot.getTime(), state: recorded, runId }))
    return null
  }
  const { row } = result
  if (!json) return resolvedText(row, recorded, reason, values.from === undefined ? await othersOf(ledger, row) : [])
  return safeJson(slotJson(judge({ slot: row.slot, row }, factsOf(task, null, systemClock.now()))), 2)
}

/** Returns the other slots that the latest run of a slot with a range had in it, the newest first. */
async function othersOf(ledger: Ledger, { task, slot, attempts }: Row): Promise<readonly JudgedSlot[]> {
  const after = attempts
    .filter(hasStarted)
    .map(rangeStartOf)
    .findLast((start) => start !== undefined)
  if (after === undefined) return []
  const others: JudgedSlot[] = []
  const range = { task, since: new Date(after + 1000), until: new Date(slot), limit: MOST_ROWS }
  for await (const one of ledger.slots(range)) others.push(one)
  return others
}
