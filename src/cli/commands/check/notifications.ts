import type { Instant } from '../../../core/types.ts'
import { digestOf } from '../../../format/check/digest.ts'
import { findingEvent, whyFound } from '../../../format/check/finding.ts'
import { type FindingKind, isFinding, type JudgedSlot, type TaskFinding } from '../../../verdict/judge.ts'
import { collectProblems } from '../../../verdict/problems.ts'
import type { Notify } from '../../options/notify.ts'

interface Told {
  readonly store: string
  readonly task?: string | undefined
  readonly status?: readonly FindingKind[] | undefined
}

/** Sends what is open as one digest, or as a finding each. If there is only one, it is sent itself, since it says more. */
export function openTeller(notify: Notify, { store, task, status }: Told, since: Instant, now: Instant) {
  const { emitDigest } = notify
  const { add, problems } = collectProblems()
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
      else if (isTold) emit(one)
    },
    end(): void {
      const all = problems()
      const [only] = all.length === 1 ? (all[0]?.tasks ?? []) : []
      if (only !== undefined && all[0]?.slots === 1 && all[0].waiting.length === 0) emit(only.newest)
      else if (all.length > 0) emitDigest?.(digestOf(all, { store, task, since, now }))
    },
  }
}
