import { decodeSchedules, encodeSchedules, withSchedule } from '../core/registry.ts'
import type { Instant, ScheduleSpec } from '../core/types.ts'
import type { CallOptions, Store } from '../store/store.ts'

/**
 * Keeps the registry of tasks: one read, and a write only where the schedule is new. Gives the schedule that it
 * replaces, null where nothing changed. Two runs that see the same change at once are one change.
 */
export async function registerSchedule(
  { task, slot }: { readonly task: string; readonly slot: Instant },
  spec: ScheduleSpec,
  store: Store,
  call: CallOptions,
): Promise<ScheduleSpec | null> {
  const key = { kind: '#registry', task } as const
  const entry = await store.readEntry(key, call)
  const before = entry === null ? [] : decodeSchedules(entry.document, task)
  const after = withSchedule(before, spec, slot)
  if (after === null) return null
  const changed = { version: (entry?.version ?? 0) + 1, document: encodeSchedules(after) }
  const written = await store.writeEntry(key, changed, entry?.version ?? 'absent', call)
  return written === 'ok' ? (before.at(-1)?.spec ?? null) : null
}
