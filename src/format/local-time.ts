import { DateTime, IANAZone } from 'luxon'
import { setWithin } from '../core/objects.ts'
import { isZone, openZone } from '../core/schedule/zone.ts'
import type { Instant } from '../core/types.ts'

/** Returns the local time in a zone as luxon has it. It is invalid when this Node does not know the zone. */
export function inZone(instant: Instant, zone: string): DateTime {
  // We must set the locale, otherwise the default locale of the machine could give other digits.
  return DateTime.fromMillis(instant, { zone, locale: 'en-US' })
}

// The functions below serve every run, so they use only the part of luxon that finds a slot. The script of `run` is small.

/** Returns `2026-11-24 12:00 JST`, or the offset without an abbreviation, or UTC if this Node does not know the zone. */
export function zonedTime(instant: Instant, zone: string): string {
  const { date, time, name } = readClock(instant, zone)
  return `${date} ${time.replace(/:00$/, '')} ${name()}`
}

/** Returns `JST`, or the offset `+08:00` where no abbreviation is in use, or UTC if this Node does not know the zone. */
export function offsetName(instant: Instant, zone: string): string {
  return readClock(instant, zone).name()
}

/**
 * Returns `12:00:05`, after the date if that is not the date of `near`, which stands before it in the same line, and before the name
 * of the zone if clocks were changed between the two.
 */
export function timeNear(instant: Instant, near: Instant, zone: string): string {
  const [{ date, time, offset, name }, before] = [readClock(instant, zone), readClock(near, zone)]
  return `${date === before.date ? '' : `${date} `}${time}${offset === before.offset ? '' : ` ${name()}`}`
}

/** Returns `11-29 02:10 to 04:20 JST`, or `11-29 02:10 JST to 11-30 04:20 UTC`. A date has its year if that is not the year of `now`. */
export function spanTime(from: Instant, to: Instant, zone: string, now: Instant, fromZone = zone): string {
  const [start, end] = [readClock(from, fromZone), readClock(to, zone)]
  const year = readClock(now, zone).date.slice(0, 5)
  const shown = ({ date, time }: ClockReading) => `${date.replace(year, '')} ${time.slice(0, 5)}`
  const until = end.date === start.date ? end.time.slice(0, 5) : shown(end)
  if (fromZone !== zone && from !== to) return `${shown(start)} ${start.name()} to ${shown(end)} ${end.name()}`
  return `${shown(start)}${from === to ? '' : ` to ${until}`} ${end.name()}`
}

/** Returns the same without the date of today: `02:10 to 04:20 JST`. */
export function briefTime(from: Instant, to: Instant, zone: string, now: Instant): string {
  const [today = ''] = spanTime(now, now, zone, now).split(' ')
  return spanTime(from, to, zone, now).replace(new RegExp(`^${today} `), '')
}

interface ClockReading {
  readonly date: string
  readonly time: string
  /** In seconds. */
  readonly offset: number
  name(): string
}

function readClock(instant: Instant, name: string): ClockReading {
  // The default zone does not need ICU. The first use of ICU in a process takes 9 ms and 8 MB.
  if (name === 'UTC' || !isZone(name)) return { ...dateAndTime(instant), offset: 0, name: () => 'UTC' }
  const { offset } = openZone(name).pieceAt(instant / 1000)
  const local = dateAndTime(instant + offset * 1000)
  return { ...local, offset, name: () => zoneName(instant, name, `${name} ${offset} ${local.date.slice(0, 7)}`) }
}

function dateAndTime(local: number): Pick<ClockReading, 'date' | 'time'> {
  const text = new Date(local).toISOString()
  return { date: text.slice(0, 10), time: text.slice(11, 19) }
}

/** ICU gives an abbreviation only in a locale in which people use it: JST in Japanese, EST in American English. */
const LOCALES = ['en-US', 'en-GB', 'en-AU', 'en-IN', 'ja-JP']

/** To ask luxon for a name costs more than all else that makes a line. A table of a thousand lines has a few of them. */
const NAMES = new Map<string, string>()
const MAX_NAMES = 2000

/** Returns the abbreviation, or the offset. `key` has the month: 07:00 behind UTC is PDT in Fort Nelson until 2015, and MST since. */
function zoneName(instant: Instant, name: string, key: string): string {
  const known = NAMES.get(key)
  if (known !== undefined) return known
  const zone = IANAZone.create(name)
  const names = LOCALES.map((locale) => zone.offsetName(instant, { format: 'short', locale }) ?? '')
  const found = names.find((text) => /^[A-Z]{3,5}$/.test(text)) ?? zone.formatOffset(instant, 'short')
  setWithin(NAMES, MAX_NAMES, key, found)
  return found
}
