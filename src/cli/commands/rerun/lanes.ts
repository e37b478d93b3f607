import { EXIT } from '../../../core/exit.ts'
import type { PlannedStep, RepairCounts } from '../../../format/rerun/plan.ts'
import type { SlotEnd } from './slot.ts'

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
  running(): readonly PlannedStep[]
  readonly counts: RepairCounts
  isLeft(number: number): boolean
  /** The exit code of the first slot that failed. Null: none did. */
  firstFailure(): number | null
}

/**
 * Runs the steps of a plan, `jobs` tasks side by side. A step begins when all that it waits for have ended. A failure, also an
 * end that is not known, drops the later steps of its task and of the tasks that come after it, unless `keepGoing` is set.
 */
export async function runLanes(
  steps: readonly PlannedStep[],
  { jobs, keepGoing }: { readonly jobs: number; readonly keepGoing: boolean },
  { run, told, stop, leave }: LanesIo,
): Promise<Lanes> {
  /** `dropped`: it failed, or is not run because one above it was dropped. */
  const states: ('open' | 'runs' | 'ended' | 'dropped')[] = steps.map(() => 'open')
  const running = new Map<PlannedStep, Promise<void>>()
  const counts = { done: 0, byOthers: 0, failed: 0, unknown: 0, left: steps.length }
  let firstFailure: number | null = null
  let from = 0
  const lanes: Lanes = {
    running: () => [...running.keys()],
    counts,
    isLeft: (number) => states[number] === 'open' || states[number] === 'runs',
    firstFailure: () => firstFailure,
  }

  function record(number: number, step: PlannedStep, end: SlotEnd): void {
    running.delete(step)
    states[number] = 'ended'
    if (end.kind !== 'left') {
      counts.left -= 1
      counts[end.kind] += 1
      if (end.kind === 'done' && end.byOthers) counts.byOthers += 1
      if (end.kind === 'failed') firstFailure ??= end.exitCode
      if (end.kind === 'unknown' || (end.kind === 'failed' && !keepGoing)) states[number] = 'dropped'
    }
    told(step, end, lanes)
  }

  function begin(): void {
    while (states[from] !== undefined && states[from] !== 'open') from += 1
    for (let number = from; number < steps.length && running.size < jobs; number += 1) {
      const step = steps[number]
      if (step === undefined || states[number] !== 'open') continue
      const before = step.after.map((one) => states[one])
      if (before.includes('dropped')) states[number] = 'dropped'
      else if (!stop.aborted && before.every((state) => state === 'ended')) {
        states[number] = 'runs'
        running.set(
          step,
          run(step).then((end) => record(number, step, end)),
        )
        told(step, null, lanes)
      }
    }
  }

  const left = new Promise<void>((resolve) => leave.addEventListener('abort', () => resolve()))
  for (begin(); running.size > 0 && !leave.aborted; begin()) await Promise.race([...running.values(), left])
  return lanes
}

export function exitCodeOfRepair(
  { counts, firstFailure }: Lanes,
  readCode: number,
  stopCode: number | null,
  hasNoCommand: boolean,
): number {
  const code = firstFailure()
  if (code !== null) return code
  if (readCode !== EXIT.ok || counts.unknown > 0) return readCode || EXIT.unreachable
  if (stopCode !== null && counts.left > 0) return stopCode
  return hasNoCommand ? EXIT.refused : EXIT.ok
}
