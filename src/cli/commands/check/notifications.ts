import type { Ledger } from '../../../api.ts'
import { isNew } from '../../../audit/check.ts'
import { DAY_MS } from '../../../core/duration.ts'
import type { Instant } from '../../../core/types.ts'
import { digestOf, repairedOf } from '../../../format/check/digest.ts'
import { findingEvent, incidentOfFinding, repairedEvent, whyFound } from '../../../format/check/finding.ts'
import type { LogObject } from '../../../format/log/log.ts'
import { systemClock } from '../../../process/clock.ts'
import { collectCourses } from '../../../verdict/incident-course.ts'
import type { CountDue, Incident } from '../../../verdict/incidents.ts'
import {
  FINDING_KINDS,
  type FindingKind,
  isFinding,
  type JudgedSlot,
  type TaskFinding,
} from '../../../verdict/judge.ts'
import { repairOf } from '../../../verdict/repairs.ts'
import type { Notify } from '../../options/notify.ts'

interface Told {
  readonly store: string
  /** The task or the prefix of the check. */
  readonly task: string | undefined
  readonly status?: readonly FindingKind[] | undefined
  readonly newMs: number | undefined
}

/**
 * Sends each finding, or one digest of them. If there is only one, it is sent itself, since it says more. With `--new`, also what
 * was repaired in this time.
 */
export function openTeller(notify: Notify, { store, task, status, newMs }: Told, now: Instant, countDue: CountDue) {
  const { emitDigest } = notify
  const { add, addRepair, begun, ended } = collectCourses(countDue)
  // `--notify-on recovered` alone asks for the end of whatever was found.
  const kinds = FINDING_KINDS.some(notify.wants) ? FINDING_KINDS.filter(notify.wants) : FINDING_KINDS
  const isWanted = ({ kind }: TaskFinding) => kinds.includes(kind) && status?.includes(kind) !== false
  const isJustNow = (at: Instant) => newMs !== undefined && isNew(at, now, newMs)
  const tellsRepairs = newMs !== undefined && notify.wants('recovered')
  let first: TaskFinding | null = null
  let count = 0
  const emit = (one: JudgedSlot, event: LogObject, why: string | null = null) => {
    const { task, slot, schedule, owner } = one
    notify.emit(event, { task, slot, timezone: schedule.zone, owner, cause: why ?? String(event['happened']) })
  }
  const emitFinding = (found: TaskFinding, incident?: Incident) => {
    const own = incident && { incident: incidentOfFinding(incident) }
    emit(found, { ...findingEvent(found, now, store), ...own }, whyFound(found))
  }
  function endRepairs(): void {
    const repaired = tellsRepairs ? ended(isJustNow) : []
    if (repaired.length > 0) emitDigest?.(repairedOf(repaired, now))
  }
  return {
    emitSlot(one: JudgedSlot, isFound: boolean): void {
      if (isFinding(one)) {
        if (!isWanted(one)) return
        const isTold = isFound && notify.wants(one.kind)
        if (emitDigest !== null) add(one, isTold)
        else if (isTold) emitFinding(one)
        if (isTold) first ??= one
        if (isTold) count += 1
        return
      }
      const repair = emitDigest !== null || tellsRepairs ? repairOf(one) : null
      if (repair === null || !isWanted(repair.found)) return
      if (emitDigest !== null) addRepair(repair)
      else if (repair.endedAt !== null && isJustNow(repair.endedAt)) emit(one, repairedEvent(one, now))
    },
    endRepairs,
    end(since: Instant): void {
      endRepairs()
      if (emitDigest === null || first === null) return
      if (count > 1) emitDigest(digestOf(begun(), { store, task, since, now }))
      else emitFinding(first, begun()[0])
    },
  }
}

const USUAL_SPAN_MS = 7 * DAY_MS

interface RepairedRange {
  readonly store: string
  readonly task: string
  readonly since: Instant
  /** The oldest slot that was run again. */
  readonly from: Instant
  readonly ledgerTimeoutMs: number | undefined
}

/** Sends one message about what was repaired in a task since an instant. */
export async function tellRepairs(
  notify: Notify,
  ledger: Ledger,
  { store, task, since, from, ledgerTimeoutMs }: RepairedRange,
): Promise<void> {
  const now = systemClock.now()
  const newMs = now - since + 1
  const { emitSlot, endRepairs } = openTeller(notify, { store, task, newMs }, now, () => 0)
  const range = { since: new Date(Math.min(from, now - USUAL_SPAN_MS)), until: new Date(now), newMs }
  for await (const _ of ledger.check({ task, ...range, emitSlot, ledgerTimeoutMs }));
  endRepairs()
}
