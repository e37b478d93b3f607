import { quote } from '../../errors.ts'
import type { Mistake } from './mistake.ts'

interface Field {
  readonly name: string
  readonly first: number
  readonly last: number
  readonly names: readonly string[]
  /** An example of a value, for a field where a value was to be chosen. */
  readonly example: number
  /** Whether `cron(…)` lets a range run over the end of the field. No crontab does. */
  readonly wraps: boolean
}

const WEEKDAYS = 'SUN MON TUE WED THU FRI SAT'.split(' ')
const MONTHS = 'JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC'.split(' ')

const SECONDS: Field = { name: 'seconds', first: 0, last: 59, names: [], example: 17, wraps: false }
const MINUTES: Field = { name: 'minutes', first: 0, last: 59, names: [], example: 17, wraps: true }
const HOURS: Field = { name: 'hours', first: 0, last: 23, names: [], example: 3, wraps: true }
const DAY_OF_MONTH: Field = { name: 'day of month', first: 1, last: 31, names: [], example: 17, wraps: true }
const MONTH: Field = { name: 'month', first: 1, last: 12, names: MONTHS, example: 3, wraps: true }
const DAY_OF_WEEK: Field = { name: 'day of week', first: 0, last: 6, names: WEEKDAYS, example: 3, wraps: true }
const AWS_DAY_OF_WEEK: Field = { ...DAY_OF_WEEK, first: 1, last: 7 }
const YEAR: Field = { name: 'year', first: 1970, last: 2199, names: [], example: 2030, wraps: false }

const CRONTAB = [MINUTES, HOURS, DAY_OF_MONTH, MONTH, DAY_OF_WEEK]
const AWS = [MINUTES, HOURS, DAY_OF_MONTH, MONTH, AWS_DAY_OF_WEEK, YEAR]

/** What is wrong with one item of a list, and what to write for it. An empty text removes the item. */
interface ItemMistake {
  readonly what: string
  readonly item: string
  readonly advice?: string
}

/** Finds a mistake in one item of a field. */
export function itemMistake(text: string): Mistake | null {
  const inside = /^cron\((.*)\)$/.exec(text)?.[1]
  const isAws = inside !== undefined
  const texts = (inside ?? text).trim().split(/[ \t]+/)
  const fields = isAws ? AWS : texts.length === 6 ? [SECONDS, ...CRONTAB] : CRONTAB
  if (texts.length < 5 || texts.length > fields.length) return null
  for (const [index, field] of fields.entries()) {
    const items = (texts[index] ?? '').split(',')
    for (const [at, item] of items.entries()) {
      const found = mistakeIn(item, field, isAws, items)
      if (found === null) continue
      const list = found.item === '' ? items.toSpliced(at, 1) : items.with(at, found.item)
      const whole = texts.with(index, list.join(',')).join(' ')
      const { what, advice } = found
      return { what, schedule: isAws ? `cron(${whole})` : whole, ...(advice !== undefined && { advice }) }
    }
  }
  return null
}

function mistakeIn(item: string, field: Field, isAws: boolean, items: readonly string[]): ItemMistake | null {
  const is = `${field.name} ${items.length === 1 ? 'is' : 'has'} ${quote(item)}`
  if (item === '' && items.length > 1) {
    return { what: `${field.name} is ${quote(items.join(','))}, which has an empty item`, item: '' }
  }
  return (
    chosen(item, field, is) ??
    longName(item, field, is) ??
    dots(item, is) ??
    step(item, field, is, isAws) ??
    backwards(item, field, is, isAws) ??
    tooLarge(item, field, is)
  )
}

/** Jenkins has `H`, and some crons have `~`. Both choose a value, which cannot be known on another host. */
function chosen(item: string, { example, first, last }: Field, is: string): ItemMistake | null {
  const [, every] = /^H(?:\(\d+-\d+\))?(?:\/(\d+))?$/.exec(item) ?? []
  if (every !== undefined) return { what: `${is}, and H is a value that Jenkins chooses`, item: `*/${every}` }
  const [, low, high] = /^(?:H(?:\((\d+)-(\d+)\))?|(\d*)~(\d*))$/.exec(item) ?? []
  if (!/^H(?:\(\d+-\d+\))?$|^\d*~\d*$/.test(item)) return null
  const [from, to] = [Number(low || first), Number(high || last)]
  const value = example >= from && example <= to ? example : from
  return {
    what: item.startsWith('H') ? `${is}, and H is a value that Jenkins chooses` : `${is}, and "~" is a random value`,
    item: String(value),
    advice: `Write the value that was chosen instead of ${value}.`,
  }
}

function longName(item: string, { names }: Field, is: string): ItemMistake | null {
  const short = item.replace(/[a-z]{4,}/gi, (word) => {
    const name = word.slice(0, 3).toUpperCase()
    return names.includes(name) && LONG_NAMES.some((long) => long.startsWith(word.toLowerCase())) ? name : word
  })
  return short === item ? null : { what: `${is}, and names have three letters`, item: short }
}

const LONG_NAMES = [
  ...'sunday monday tuesday wednesday thursday friday saturday'.split(' '),
  ...'january february march april june july august september october november december'.split(' '),
]

function dots(item: string, is: string): ItemMistake | null {
  return /\w(?:\.\.|:)\w/.test(item)
    ? { what: `${is}, and a range is written with "-"`, item: item.replace(/\.\.|:/, '-') }
    : null
}

function step(item: string, field: Field, is: string, isAws: boolean): ItemMistake | null {
  const [, range = '', every] = /^(.*)\/(\d+)$/.exec(item) ?? []
  if (every === undefined) return null
  const size = field.last - field.first + 1
  if (range === '' && !isAws) return { what: `${is}, a step without a start`, item: `*/${every}` }
  if (Number(every) === 0) return { what: `${is}, and a step must be at least 1`, item: range || '*' }
  if (Number(every) <= size) return null
  const only = /^[^-]+/.exec(range.replace('*', ''))?.[0] ?? String(field.first)
  return {
    what: `${is}, a step that is wider than the ${size} values of the field, so it would match ${only} only`,
    item: only,
    ...(INTERVALS[field.name] !== undefined && {
      advice: `For every ${every} ${field.name}, use rate(${every} ${field.name}) with --anchor.`,
    }),
  }
}

/** The fields whose steps could be meant as the interval of a rate. */
const INTERVALS: Readonly<Record<string, true>> = { minutes: true, hours: true }

function backwards(item: string, field: Field, is: string, isAws: boolean): ItemMistake | null {
  const [, low, high, every] = /^(\d+|[a-z]{3})-(\d+|[a-z]{3})(?:\/(\d+))?$/i.exec(item) ?? []
  if (low === undefined || high === undefined || field.name === 'year' || (isAws && field.wraps)) return null
  const [from, to] = [numberOf(low, field), numberOf(high, field)]
  if (Number.isNaN(from + to) || from <= to) return null
  const what = `${is}, a range that runs backwards`
  const text = (value: number) => (/\d/.test(low) ? String(value) : (field.names[value - field.first] ?? String(value)))
  if (every !== undefined) {
    const values: string[] = []
    const size = field.last - field.first + 1
    for (let value = from; value <= to + size; value += Number(every)) {
      values.push(text(value > field.last ? value - size : value))
      if (Number(every) === 0) return null
    }
    return { what, item: values.join(',') }
  }
  const part = (start: number, end: number) => (start === end ? text(start) : `${text(start)}-${text(end)}`)
  return { what, item: `${part(from, field.last)},${part(field.first, to)}` }
}

function numberOf(text: string, { first, last, names }: Field): number {
  const named = names.indexOf(text.toUpperCase())
  const value = named === -1 ? Number(text) : first + named
  return value >= first && value <= last ? value : Number.NaN
}

/** Midnight is hour 0, and the last minute is 59. */
function tooLarge(item: string, { name, last }: Field, is: string): ItemMistake | null {
  if (!['hours', 'minutes', 'seconds'].includes(name)) return null
  if (Number(item) === last + 1) return { what: `${is}, and ${name} go from 0 to ${last}`, item: '0' }
  const [, low] = /^(\d+)-(\d+)$/.exec(item) ?? []
  return item === `${low}-${last + 1}`
    ? { what: `${is}, and ${name} go from 0 to ${last}`, item: `${low}-${last}` }
    : null
}
