import { LedgerError } from '../errors.ts'
import { formatInstant } from '../instant.ts'
import type { Instant, Key, Resolution, StoredRow } from '../types.ts'
import { coveringSlot } from './attempts.ts'
import { readableRow } from './status.ts'

const COVERED = { state: 'SKIPPED', by: 'cronledger' } as const
const REASON = 'covered by slot '

/** Returns what a run records in a missed slot whose work it does. `by` is the slot of the run. */
export function coverDecision(by: Instant): Pick<Resolution, 'state' | 'by' | 'reason'> {
  return { ...COVERED, reason: `${REASON}${formatInstant(by)}` }
}

/** Returns whether a decision is that of `coverDecision`. The slot is not skipped then: its status is that of the other slot. */
export function isCover({ by, reason }: Pick<Resolution, 'by' | 'reason'>): boolean {
  return by === COVERED.by && reason.startsWith(REASON)
}

/** A slot is covered by one with a run, so a chain is rare: the record of the first covering slot was deleted. */
const LONGEST_CHAIN = 10

/** Adds the row at the end of the chain of covering slots. Throws what `read` throws. Returns a damaged row. */
export async function withCovering(
  row: StoredRow | null,
  read: (key: Key) => Promise<StoredRow | null>,
): Promise<StoredRow | null> {
  const own = readableRow(row)
  let covering: StoredRow | null = null
  let next = own && coveringSlot(own)
  if (own === null || next === null) return row
  for (let length = 0; next !== null && length < LONGEST_CHAIN; length++) {
    const key = { task: own.task, slot: next }
    covering = await read(key).catch((error: unknown) => {
      if (!(error instanceof LedgerError) || error.kind !== 'shape') throw error
      return { ...key, damage: error.message }
    })
    const found = readableRow(covering)
    next = found && coveringSlot(found)
  }
  return { ...own, covering }
}
