import { groupedBy } from '../core/objects.ts'
import type { Instant } from '../core/types.ts'
import {
  byWeight,
  type CountDue,
  collectIncidents,
  type Incident,
  incidentOfStreaks,
  type Streak,
} from './incidents.ts'
import type { TaskFinding } from './judge.ts'
import type { Repair } from './repairs.ts'

export interface EndedIncident extends Incident {
  readonly endedAt: Instant
}

/**
 * Follows incidents from one check to the next one. The id of an incident stays the same while slots of it are repaired, until all
 * are. The slots of a task must come newest first.
 */
export function collectCourses(countDue: CountDue) {
  const open = collectIncidents()
  const ever = collectIncidents(countDue)
  /** The problems that are open, as a part of all that have been. */
  const within = new Map<Streak, Streak>()
  const fresh = new Set<Streak>()
  return {
    add(found: TaskFinding, isNew: boolean): void {
      const streak = open.add(found)
      within.set(streak, ever.add(found))
      if (isNew) fresh.add(streak)
    },
    addRepair({ found, endedAt }: Repair): void {
      ever.add(found, endedAt)
    },
    /** Returns the incidents with something new, the largest one first, with all of their open slots. */
    begun(): readonly Incident[] {
      const all = ever.incidentsOfStreaks()
      const groups = groupedBy([...within.keys()], (streak) => all.get(within.get(streak) ?? streak))
      return [...groups]
        .filter(([, streaks]) => streaks.some((streak) => fresh.has(streak)))
        .map(([whole, streaks]) => ({
          ...incidentOfStreaks(streaks),
          ...(whole && { id: whole.id, began: whole.began }),
        }))
        .sort(byWeight)
    },
    /** Returns the incidents whose last slot was repaired at a time for which `isNew` holds, the largest one first. */
    ended(isNew: (endedAt: Instant) => boolean): readonly EndedIncident[] {
      const ends = new Map<Incident, Instant>()
      for (const [{ endedAt }, incident] of ever.incidentsOfStreaks())
        ends.set(incident, Math.max(endedAt ?? Number.POSITIVE_INFINITY, ends.get(incident) ?? 0))
      return [...ends]
        .flatMap(([incident, endedAt]) => (Number.isFinite(endedAt) && isNew(endedAt) ? { ...incident, endedAt } : []))
        .sort(byWeight)
    },
  }
}
