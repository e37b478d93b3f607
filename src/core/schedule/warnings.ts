import { formatInstant } from '../instant.ts'
import type { Instant } from '../types.ts'
import { undocumentedForms } from './cron-aws.ts'
import { type Schedule, slotAfter, slotBefore } from './slot.ts'

const MINUTE_MS = 60_000

/** Returns what to know about a valid schedule. `zoneData` is the release of this process, such as `2025c`. */
export function scheduleWarnings(schedule: Schedule, now: Instant, zoneData: string): readonly string[] {
  const { spec } = schedule
  const zoned = schedule.kind === 'rate' ? [] : [...signWarnings(spec.zone), ...zoneDataWarnings(spec.zone, zoneData)]
  return [...formWarnings(schedule), ...endWarnings(schedule, now), ...zoned]
}

/** Short names of IANA whose clocks never change, and a place whose clocks do. */
const FIXED_ZONES: Readonly<Record<string, string>> = { EST: 'America/New_York', MST: 'America/Denver' }

/** The names of IANA for an offset have the sign of POSIX, which is the reverse of the usual one. */
export function signWarnings(zone: string): readonly string[] {
  const place = FIXED_ZONES[zone.toUpperCase()]
  if (place !== undefined) return [`${zone} has no daylight saving time. If you want it, use ${place}.`]
  const [, sign, hours] = /^Etc\/GMT([+-])(\d{1,2})$/i.exec(zone) ?? []
  if (hours === undefined || Number(hours) === 0) return []
  const [side, other] = sign === '+' ? ['behind', '-'] : ['ahead of', '+']
  return [
    `${zone} is ${hours} hours ${side} UTC, because its sign is reversed. If UTC${sign}${hours} is meant, use Etc/GMT${other}${hours}, or the name of a place such as Asia/Tokyo.`,
  ]
}

function formWarnings(schedule: Schedule): readonly string[] {
  if (schedule.kind === 'rate' && schedule.anchor % MINUTE_MS !== 0) {
    const { anchor } = schedule
    const minute = formatInstant(Math.floor(anchor / MINUTE_MS) * MINUTE_MS)
    return [
      `The anchor ${formatInstant(anchor)} has seconds, but EventBridge fires on whole minutes, so an event can go to the slot before. Use ${minute}.`,
    ]
  }
  const [, text] = /^cron\((.*)\)$/.exec(schedule.spec.expression) ?? []
  if (text === undefined) return []
  return undocumentedForms(text.trim()).map((form) => `AWS does not document ${form}. Check that AWS accepts it.`)
}

function endWarnings(schedule: Schedule, now: Instant): readonly string[] {
  if (slotAfter(schedule, now) !== null) return []
  const last = slotBefore(schedule, now + 1)
  return [`The schedule never fires again.${last === null ? '' : ` Its last slot was ${formatInstant(last)}.`}`]
}

/** The first release of the data that has the change, and the date from which older data is wrong. */
type LawChange = readonly [release: string, from: string, what: string, ...zones: string[]]

/**
 * From https://data.iana.org/time-zones/tzdb/NEWS. A Node that uses the ICU of its operating system can have any release.
 * Add a release that changes future times, and remove one that every supported Node has.
 */
const LAW_CHANGES: readonly LawChange[] = [
  [
    '2026a',
    '2022-03-27',
    'Moldova changes its clocks an hour later in the night',
    'Europe/Chisinau',
    'Europe/Tiraspol',
  ],
  ['2026b', '2026-11-01', 'British Columbia has UTC-7 all year', 'America/Vancouver', 'Canada/Pacific'],
  ['2026c', '2026-11-01', 'Alberta has UTC-6 all year', 'America/Edmonton', 'America/Yellowknife', 'Canada/Mountain'],
  ['2026c', '2026-09-20', 'Morocco has UTC+0 all year', 'Africa/Casablanca', 'Africa/El_Aaiun'],
]

function zoneDataWarnings(zone: string, zoneData: string): readonly string[] {
  // Without a release, as in a Node without ICU data, nothing can be said.
  if (!/^\d{4}[a-z]/.test(zoneData)) return []
  const isOf = ([release, , , ...zones]: LawChange) =>
    release > zoneData && zones.some((name) => name.toLowerCase() === zone.toLowerCase())
  return LAW_CHANGES.filter(isOf).map(
    ([release, from, what]) =>
      `The time zone data of this Node is ${zoneData}, which is older than a change of law: ${what} (in ${release}). Slots from ${from} on can be wrong. Use a Node with newer time zone data.`,
  )
}
