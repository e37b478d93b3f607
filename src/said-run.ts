import type { RunContext, RunEvent } from './core/event.ts'
import { type VerdictJson, verdictJson } from './format/verdict.ts'
import type { Taken } from './run/enter.ts'
import type { RunResult, Work } from './run/execute.ts'
import { runTrigger, type SlotOfResult, type TriggerOptions, type TriggerParts } from './run/run-trigger.ts'
import type { Settings } from './run/settings.ts'
import { isSaid, verdictOfEvent } from './verdict/event/event-verdict.ts'
import type { EventVerdict } from './verdict/verdict.ts'

interface Said {
  /** What `show` and the log say of the slot: whether its work was done, what a further trigger does, and what to do. */
  readonly verdict: VerdictJson
}

/** Another run has a slot that is `taken`, so this one says nothing of it. */
export type CaughtUp<T> = SlotOfResult & ((RunResult<T> & Said) | (Taken & { readonly verdict: null }))

export type RunOutcome<T> = RunResult<T> &
  SlotOfResult &
  Said & {
    /** The missed slots that ran before the slot of the trigger, the oldest first. Empty without `catchUpMs`. */
    readonly caughtUp: readonly CaughtUp<T>[]
  }

/** An error in the words of an event must not hide how the run ended. */
const NOT_SAID: VerdictJson = {
  happened: 'the run ended, and cronledger could not find the words for it',
  work: 'unknown',
  nextTrigger: 'depends',
}

export interface LedgerParts extends Omit<TriggerParts, 'log'> {
  readonly log: ((event: RunEvent, context: RunContext, verdict: EventVerdict | null) => void) | undefined
}

/** Runs a trigger, words its events for the log, and adds to each result what was last said of its slot. */
export async function runAndSay<T>(
  options: TriggerOptions,
  workWith: (settings: Settings) => Work<T>,
  stop: AbortSignal,
  { log, ...parts }: LedgerParts,
): Promise<RunOutcome<T>> {
  const lastOf = new Map<string, VerdictJson>()
  const result = await runTrigger(options, workWith, stop, {
    ...parts,
    log(event, context) {
      const verdict = isSaid(event) ? verdictOfEvent(event, context, parts.clock.now()) : null
      if (verdict !== null) lastOf.set(context.runId, verdictJson(verdict, context.window.slot, context.schedule.zone))
      log?.(event, context, verdict)
    },
  })
  const ofSlot = ({ runId }: SlotOfResult) => ({ verdict: lastOf.get(runId) ?? NOT_SAID })
  const caughtUp = result.caughtUp.map((one) =>
    one.status === 'taken' ? { ...one, verdict: null } : { ...one, ...ofSlot(one) },
  )
  return { ...result, ...ofSlot(result), caughtUp }
}
