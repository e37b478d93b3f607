import type { Instant } from '../../../core/types.ts'
import { digestOf } from '../../../format/check/digest.ts'
import { findingEvent, whyFound } from '../../../format/check/finding.ts'
import { type FindingKind, isFinding, type JudgedSlot, type TaskFinding } from '../../../verdict/judge.ts'
import { collectProblems } from '../../../verdict/problems.ts'
import type { Notify } from '../../options/notify.ts'

interface Told {
  readonly store: string
  /** The task or the prefix of the check. */
  readonly task?: string | undefined
  readonly status?: readonly FindingKind[] | undefined
}

/** Sends what is open as one digest, or as a finding each. If there is only one, it is sent itself, since it says more. */
export function openTeller(notify: Notify, { store, task, status }: Told, since: Instant, now: Instant) {
  const { emitDigest } = notify
  const { add, problems } = collectProblems()
  let first: TaskFinding | null = null
  let count = 0
  const emit = (found: TaskFinding) => {
    const event = findingEvent(found, now, store)
    const { task, slot, schedule, owner } = found
    const cause = whyFound(found) ?? String(event['happened'])
    notify.emit(event, { task, slot, timezone: schedule.zone, owner, cause })
  }
  return {
    add(one: JudgedSlot): void {
      const isTold = isFinding(one) && notify.wants(one.kind) && status?.includes(one.kind) !== false
      if (emitDigest !== null) add(one, isTold)
      if (!isTold) return
      if (emitDigest === null) emit(one)
      first ??= one
      count += 1
    },
    end(): void {
      if (emitDigest === null || first === null) return
      if (count > 1) emitDigest(digestOf(problems(), { store, task, since, now }))
      else emit(first)
    },
  }
}
