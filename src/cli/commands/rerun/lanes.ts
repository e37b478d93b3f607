import { EXIT } from '../../../core/exit.ts'
import type { PlannedStep, RepairCounts } from '../../../format/rerun/plan.ts'
import type { RepairStep } from '../../../verdict/repair-plan.ts'
import type { SlotEnd } from './slot.ts'

type State = 'open' | 'runs' | 'ended' | 'failed' | 'dropped'

export interface LanesIo {
  run(step: PlannedStep): Promise<SlotEnd>
  /** Called at each begin and each end. */
  told(step: PlannedStep, end: SlotEnd | null, lanes: Lanes): void
  /** Nothing starts any more. */
  readonly stop: AbortSignal
  /** The steps that run are left alone. */
  readonly leave: AbortSignal
}

export interface Lanes {
  /** The steps that run, the first that began first. */
  readonly running: readonly PlannedStep[]
  readonly counts: RepairCounts
  isLeft(number: number): boolean
}

export interface RepairResult extends Lanes {
  /** The exit code of the first slot that failed. Null: none did. */
  readonly firstFailure: number | null
}

/**
 * Runs the steps of a plan, `jobs` tasks side by side. A step begins when all that it waits for have ended. A failure, also an
 * end that is not known, drops the later steps of its task and of the tasks that come after it, unless `keepGoing` is set.
 */
export async function runLanes(
  steps: readonly RepairStep<PlannedStep>[],
  { jobs, keepGoing }: { readonly jobs: number; readonly keepGoing: boolean },
  { run, told, stop, leave }: LanesIo,
): Promise<RepairResult> {
  const states: State[] = steps.map(() => 'open')
  const running = new Map<number, Promise<unknown>>()
  const counts = { done: 0, byOthers: 0, failed: 0, unknown: 0, left: steps.length }
  let firstFailure: number | null = null
  let from = 0
  const lanes: Lanes = {
    get running() {
      return [...running.keys()].flatMap((number) => steps[number]?.slot ?? [])
    },
    counts,
    isLeft: (number) => states[number] === 'open' || states[number] === 'runs',
  }

  function record(number: number, step: PlannedStep, end: SlotEnd): void {
    running.delete(number)
    if (leave.aborted && end.kind !== 'done') states[number] = 'dropped'
    else if (end.kind === 'left') states[number] = 'ended'
    else {
      counts.left -= 1
      counts[end.kind] += 1
      if (end.kind === 'done' && end.byOthers) counts.byOthers += 1
      if (end.kind === 'failed') firstFailure ??= end.exitCode
      const goesOn = end.kind === 'done' || (end.kind === 'failed' && keepGoing)
      states[number] = goesOn ? 'ended' : 'failed'
    }
    told(step, end, lanes)
  }

  function begin(): void {
    while (states[from] !== undefined && states[from] !== 'open') from += 1
    for (let number = from; number < steps.length && running.size < jobs; number += 1) {
      const step = steps[number]
      if (step === undefined || states[number] !== 'open') continue
      const before = step.after.map((one) => states[one])
      if (before.some((state) => state === 'failed' || state === 'dropped')) states[number] = 'dropped'
      else if (!stop.aborted && before.every((state) => state === 'ended')) {
        states[number] = 'runs'
        const { slot } = step
        running.set(
          number,
          run(slot).then((end) => record(number, slot, end)),
        )
        told(slot, null, lanes)
      }
    }
  }

  const left = new Promise<void>((resolve) => leave.addEventListener('abort', () => resolve()))
  for (begin(); running.size > 0 && !leave.aborted; begin()) await Promise.race([...running.values(), left])
  return { ...lanes, running: lanes.running, firstFailure }
}

/** Returns the exit code of a repair. */
export function exitCodeOfRepair(
  { counts, firstFailure }: RepairResult,
  {
    readCode,
    stopCode,
    hasNoCommand,
  }: { readonly readCode: number; readonly stopCode: number | null; readonly hasNoCommand: boolean },
): number {
  if (firstFailure !== null) return firstFailure
  if (readCode !== EXIT.ok || counts.unknown > 0) return readCode || EXIT.unreachable
  if (stopCode !== null && counts.left > 0) return stopCode
  return hasNoCommand ? EXIT.refused : EXIT.ok
}
