import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import type { Ledger, RerunnableOptions } from '../../../api.ts'
import { usageError } from '../../../core/errors.ts'
import { type OptionTable, optionName } from '../../../core/option.ts'
import type { Selectable } from '../../../core/row/policy.ts'
import {
  type LeftOutDoubts,
  leftOutLine,
  type PlannedSlot,
  plannedJson,
  plannedLines,
  planSummary,
} from '../../../format/rerun/rerun.ts'
import type { Sink } from '../../../process/log/sink.ts'
import type { LeftOut } from '../../../verdict/cautions.ts'
import { namedSlots, verdictOf } from '../../../verdict/verdict.ts'
import { COMMON } from '../../options/options.ts'
import { printTexts } from '../../output.ts'

/** The options of a command that changes one slot, or the slots of a range. */
export const SLOT_OR_RANGE = {
  slot: {
    ...COMMON.slot,
    required: undefined,
    isUsual: true,
    help: 'One slot: an instant, local time, a date, or latest',
  },
  from: {
    kind: 'text',
    value: 'TIME',
    isUsual: true,
    help: 'Or a range that begins here: an instant, local time, a date, or 7d',
  },
  to: {
    kind: 'text',
    value: 'TIME',
    isUsual: true,
    otherwise: 'now',
    help: 'End of the range; a date includes the whole day',
  },
} as const satisfies OptionTable

export function checkSlotOrRange(values: Readonly<Record<string, unknown>>, ofRange: readonly string[]): void {
  const has = (name: string) => values[name] !== undefined && values[name] !== false
  if (!has('slot') && !has('from')) {
    throw usageError('--slot or --from is required. Give --slot for one slot, or --from for a range.')
  }
  const [one, kind, others] = has('slot') ? ['slot', 'a range', ['from', 'to', ...ofRange]] : ['from', 'one slot', []]
  const other = others.find(has)
  if (other === undefined) return
  const name = optionName(other)
  throw usageError(`--${one} and --${name} cannot be used together, because --${name} is for ${kind}. Use one of them.`)
}

interface Planned extends PlannedSlot {
  readonly skewMs: number
  /** Whether it is the slot of `endedRun`. */
  readonly isEnded: boolean
}

interface RangeOfTask extends RerunnableOptions {
  readonly store: string
  readonly task: string
  readonly status: readonly Selectable[]
}

/** The number of slots that are listed or printed before signals can be handled. This takes some milliseconds. */
const SLOTS_AT_A_TIME = 1_000

/** Returns the slots of a range, the oldest first. */
export async function planRange(ledger: Ledger, range: RangeOfTask) {
  const { store } = range
  const slots: Planned[] = []
  let doubts: LeftOutDoubts = { store, whys: [], oldest: null }
  const emitDoubt = (slot: Date, why: LeftOut) => {
    doubts = { store, whys: [...doubts.whys, why], oldest: slot.getTime() }
  }
  for await (const { slot, row, judged, others, ...found } of ledger.rerunnable({ ...range, emitDoubt })) {
    // The caller keeps many slots, and needs no steps of them.
    const { happened, work, workText, caution } = verdictOf(judged, store)
    slots.push({
      slot: judged.slot,
      isEnded: range.endedRun !== undefined && judged.own?.ownerRunId === range.endedRun,
      verdict: row && { happened, work, workText, caution },
      others: namedSlots(judged.task, others.map((one) => one.slot).reverse()),
      ...found,
    })
    if (slots.length % SLOTS_AT_A_TIME === 0) await yieldToEventLoop()
  }
  return { slots, doubts }
}

export async function printPlan(
  { slots, doubts }: Awaited<ReturnType<typeof planRange>>,
  { task, status }: RangeOfTask,
  json: boolean,
  sink: Sink,
) {
  async function* texts() {
    for (let done = 0; done < slots.length; done += SLOTS_AT_A_TIME) {
      const some = slots.slice(done, done + SLOTS_AT_A_TIME)
      yield some.map((one) => (json ? plannedJson(task, one) : plannedLines(one))).join(json ? ',\n' : '\n')
    }
    if (!json) yield planSummary(task, slots, status, doubts)
  }
  await printTexts(texts(), json)
  const leftOut = json ? leftOutLine(task, doubts) : null
  if (leftOut !== null) sink.write(leftOut)
}
