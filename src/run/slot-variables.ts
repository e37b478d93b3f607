import { createHash } from 'node:crypto'
import { formatInstant } from '../core/instant.ts'
import { offsetSeconds, offsetText } from '../core/schedule/zone.ts'
import type { Instant } from '../core/types.ts'

export interface ZonedSlot {
  readonly task: string
  readonly slot: Instant
  readonly timezone: string
}

/** A random UUID. It must never change, otherwise the work of a slot would get another key and could be done twice. */
const KEY_NAMESPACE = '92018dac-55ae-4b8c-bfdb-45fc6b24539d'

/** Returns the UUID version 5 (RFC 9562) of the task, one space and the slot in UTC. It is the same in every attempt. */
export function runKey(task: string, slot: Instant): string {
  const name = `${task} ${formatInstant(slot)}`
  const hash = createHash('sha1').update(KEY_NAMESPACE.replaceAll('-', ''), 'hex').update(name)
  const bytes = hash.digest().subarray(0, 16)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** Both are empty if this Node does not know the zone. */
export function localSlot({ slot, timezone }: Omit<ZonedSlot, 'task'>): { date: string; local: string } {
  const offset = offsetSeconds(timezone, slot)
  if (offset === null) return { date: '', local: '' }
  const clock = new Date(slot + offset * 1000).toISOString()
  const [date = ''] = clock.split('T')
  return { date, local: clock.replace(/(\.000)?Z$/, offsetText(offset)) }
}

/** An empty date or local time, for an unknown zone, hides that of an outer run. */
export function slotVariables(zoned: ZonedSlot) {
  const { task, slot, timezone } = zoned
  const { date, local } = localSlot(zoned)
  return {
    CRONLEDGER_RUN_TASK: task,
    CRONLEDGER_RUN_SLOT: formatInstant(slot),
    CRONLEDGER_RUN_DATE: date,
    CRONLEDGER_RUN_LOCAL: local,
    CRONLEDGER_RUN_TIMEZONE: timezone,
    CRONLEDGER_RUN_KEY: runKey(task, slot),
  }
}
