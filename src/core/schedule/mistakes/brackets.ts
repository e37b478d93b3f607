import { quote } from '../../errors.ts'
import { isForm } from '../form.ts'
import type { Mistake } from './mistake.ts'
import { intervalIn } from './words.ts'

/** Finds mistakes in the brackets of `cron(…)`, `rate(…)` and `at(…)`, and in the text of a rate or an at. */
export function bracketMistake(text: string): Mistake | null {
  const [, name = '', space = '', open = '', inside = '', close = ''] =
    /^(cron|rate|at)(?![a-z])(\s*)(\(?)(.*?)(\)*)$/i.exec(text) ?? []
  if (name === '') return unopened(text) ?? looseTime(text)
  const form = name.toLowerCase()
  const body = inside.trim()
  const schedule = `${form}(${body})`
  if (open === '') return { what: `${form}(…) needs its brackets`, schedule }
  if (close === '') return { what: 'the closing bracket is missing', schedule }
  if (close.length > 1) return { what: 'there is one closing bracket too many', schedule }
  if (space !== '') return { what: 'there is a space before the bracket', schedule }
  if (form !== name) return { what: `${form}(…) must be in lower case`, schedule }
  if (form === 'rate') return rateMistake(body)
  return form === 'at' ? atMistake(body) : null
}

function rateMistake(body: string): Mistake | null {
  const interval = intervalIn(body)
  if (interval === null) return null
  const isWeeks = /[^a-z]w(?:eek|k)?s?$/i.test(body)
  const only = /sec|^\d+\s*s$/i.test(body) || isWeeks || /month|year|quarter/i.test(body)
  const what = only
    ? `rate is ${quote(body)}, and rate(…) has only minutes, hours and days`
    : `rate is ${quote(body)}, which is not a whole number, a space, and minutes, hours or days`
  return { what, ...interval }
}

const LOCAL = /^(\d{4}-\d{2}-\d{2})(?:[T ]+(\d{2}:\d{2})(:\d{2})?)?(?:\.\d+)?\s*(Z|[+-]\d{2}:?\d{2})?$/i

function atMistake(body: string): Mistake | null {
  const [, date, time = '00:00', seconds = ':00', offset] = LOCAL.exec(body) ?? []
  if (date === undefined) return null
  const schedule = `at(${date}T${time}${seconds})`
  const what = `at is ${quote(body)}`
  if (offset === undefined) return { what: `${what}, which is not a date and time with seconds`, schedule }
  if (offset.toUpperCase() === 'Z')
    return { what: `${what}, and at(…) has no offset`, schedule, more: ' --timezone UTC' }
  return {
    what: `${what}, and at(…) has no offset`,
    advice: 'Leave the offset out, and give the zone of that time with --timezone.',
  }
}

/** A closing bracket without the name of the form and its opening bracket, as in `0 3 * * ? *)`. */
function unopened(text: string): Mistake | null {
  const [, inside] = /^\(?([^()]+)\)$/.exec(text) ?? []
  if (inside === undefined) return null
  const name = ['cron', 'rate', 'at'].find((name) => isForm(`${name}(${inside.trim()})`))
  return name === undefined ? null : { what: `${quote(`${name}(`)} is missing`, schedule: `${name}(${inside.trim()})` }
}

/** A date and time without `at(…)`. */
function looseTime(text: string): Mistake | null {
  if (!LOCAL.test(text)) return null
  return { what: 'a date and time is written in at(…)', schedule: `at(${text})` }
}
