import { type Problem, quote } from '../errors.ts'
import { type DayTest, onWeekday } from './calendar.ts'

/** A field as one of the two dialects has it. */
export interface CronField {
  readonly name: string
  readonly first: number
  readonly last: number
  /** The number of values that differ, which is the widest step. */
  readonly size: number
  readonly allowed: string
  /** The names of the values, from `first` on. */
  readonly names: readonly string[]
}

export function field(name: string, first: number, last: number, allowed: string, names = ''): CronField {
  return { name, first, last, size: last - first + 1, allowed, names: names.split(' ') }
}

export const MINUTES = field('minutes', 0, 59, '0-59, * , - /')
export const HOURS = field('hours', 0, 23, '0-23, * , - /')
const MONTHS = 'JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC'
export const MONTH = field('month', 1, 12, '1-12 or JAN-DEC, * , - /', MONTHS)
export const WEEKDAYS = 'SUN MON TUE WED THU FRI SAT'

/** Reads the items of a list. `parse` returns null for an item that the field does not allow. */
export function parseItems<T>(
  field: CronField,
  text: string,
  problem: Problem,
  parse: (item: string) => readonly T[] | null,
  more = '',
): readonly T[] {
  const items = text.split(',')
  return items.flatMap((item) => {
    // According to the user guide of AWS, a field with a # holds only one expression.
    const parsed = items.length > 1 && item.includes('#') ? null : parse(item)
    if (parsed !== null) return parsed
    const step = item.includes('/') ? ' A step goes from 1 to the number of values.' : ''
    throw problem(
      `${field.name} ${items.length === 1 ? 'is' : 'has'} ${quote(item)}. Use ${field.allowed}.${more}${step}`,
    )
  })
}

/**
 * Reads `*`, `a` and `a-b`, also with `/n`, and `/n` alone. `a/n` runs to the end of the field. A range that `mayWrap` runs over
 * that end, as in 22-2. Returns null for other text.
 */
export function valuesOfItem(field: CronField, item: string, mayWrap: boolean): readonly number[] | null {
  const match = /^(?:\*|(?=\/)|([0-9]+|[a-z]{3})(?:-([0-9]+|[a-z]{3}))?)(?:\/([0-9]+))?$/i.exec(item)
  if (match === null) return null
  const [, low, high, every] = match
  const step = Number(every ?? 1)
  const from = low === undefined ? field.first : numberOf(field, low)
  let to = field.last
  if (high !== undefined) to = numberOf(field, high)
  else if (low !== undefined && every === undefined) to = from
  if (Number.isNaN(from + to) || step < 1 || step > field.size) return null
  if (from > to) {
    if (!mayWrap) return null
    to += field.size
  }
  const values: number[] = []
  for (let value = from; value <= to; value += step) values.push(value > field.last ? value - field.size : value)
  return values
}

/** Returns the number that a text such as `7` or `MON` stands for, or NaN if the field has no such value. */
export function numberOf(field: CronField, text: string): number {
  const named = field.names.indexOf(text.toUpperCase())
  const value = named === -1 ? Number(text) : field.first + named
  return value >= field.first && value <= field.last ? value : Number.NaN
}

/** Reads days of the week, whose first value is Sunday, and `nL` and `n#m`: the last one and the m-th one of the month. */
export function weekdayTests(field: CronField, item: string, mayWrap: boolean): readonly DayTest[] | null {
  const fromSunday = (value: number) => (value - field.first) % 7
  const [, day = '', nth] = /^(\d+|[a-z]{3})(?:L|#([1-5]))$/i.exec(item) ?? []
  if (day === '') return valuesOfItem(field, item, mayWrap)?.map((value) => onWeekday(fromSunday(value))) ?? null
  const wanted = numberOf(field, day)
  if (Number.isNaN(wanted)) return null
  return [onWeekday(fromSunday(wanted), nth === undefined ? 'last' : Number(nth))]
}
