import { MACROS } from '../macros.ts'
import type { Mistake } from './mistake.ts'
import { zoneMeantBy } from './zone.ts'

/** Finds what does not belong to an expression: a zone, quotation marks, unusual characters, or a command. */
export function textMistake(text: string): Mistake | null {
  return (
    zoneBefore(text) ??
    zoneAfter(text) ??
    nameBefore(text) ??
    twoSchedules(text) ??
    surroundings(text) ??
    commandAfter(text)
  )
}

const WITH_ZONE = 'a time zone is not part of the expression'

function zoneBefore(text: string): Mistake | null {
  const [, zone, schedule] = /^(?:CRON_TZ|TZ|TIMEZONE)\s*=\s*["']?([^\s"']+)["']?[\s;]+(\S.*)$/i.exec(text) ?? []
  return zone === undefined || schedule === undefined ? null : { what: WITH_ZONE, schedule, more: timezone(zone) }
}

function zoneAfter(text: string): Mistake | null {
  const [, schedule, zone] = /^(\S.*\S)\s+((?:[A-Z][a-z]+\/[A-Z][\w/+-]+)|UTC|GMT|JST)$/.exec(text) ?? []
  return zone === undefined || schedule === undefined ? null : { what: WITH_ZONE, schedule, more: timezone(zone) }
}

function timezone(zone: string): string {
  const isName = /^(?:[A-Z][\w+-]*\/[\w/+-]+|UTC)$/.test(zone)
  const [meant = zone] = (isName ? zone : (zoneMeantBy(zone) ?? 'ZONE')).split(' ')
  return ` --timezone ${meant}`
}

/** The name of the option was copied with its value. */
function nameBefore(text: string): Mistake | null {
  const [, name, schedule] = /^((?:--)?[a-z_]*schedule[a-z_]*)\s*[:=]\s*(\S.*)$/i.exec(text) ?? []
  return schedule === undefined ? null : { what: `the value begins with "${name}"`, schedule }
}

/** Two expressions in one value. They are joined if they differ in one field. */
function twoSchedules(text: string): Mistake | null {
  const [, ...both] = /^((?:\S+ +){4}[^\s,;|]+)\s*[,;|]+\s*((?:\S+ +){4}\S+)$/.exec(text.trim()) ?? []
  const [one = [], other = []] = both.map((part) => part.split(/ +/))
  if (both.length === 0) return null
  const what = 'this is a list of two expressions, and a task has one schedule'
  const joined = one.map((field, at) => (field === other[at] ? field : `${field},${other[at]}`))
  return joined.filter((field, at) => field !== one[at]).length === 1
    ? { what, schedule: joined.join(' '), advice: 'Or use two tasks.' }
    : { what, advice: 'Use two tasks.' }
}

function surroundings(text: string): Mistake | null {
  const quoted = /^(["'`])(.*)\1$/.exec(text.trim())?.[2]
  if (quoted !== undefined) return { what: 'the value contains quotation marks', schedule: quoted.trim() }
  // NFKC turns the wide characters of East Asian keyboards and the no-break space into the usual ones.
  const usual = text
    .normalize('NFKC')
    .replace(/[\u2010-\u2015\u2212]/g, '-')
    .replace(/[\u2217\u204e\u00d7]/g, '*')
    .replace(/\s+/g, ' ')
    .trim()
  if (usual !== text.replace(/[ \t]+/g, ' ').trim()) {
    return { what: 'it contains characters that only look like those of an expression', schedule: usual }
  }
  const ended = /^(.*[^\s;.])\s*[;.]+$/.exec(text)?.[1]
  if (ended !== undefined) return { what: `it ends with "${text.at(-1)}"`, schedule: ended }
  const spaced = text.replace(/\s*,\s*/g, ',').replace(/(?<=[\w*])\s*\/\s*(?=\d)/g, '/')
  return spaced === text || /^,|,$/.test(spaced) ? null : { what: 'there is a space inside a field', schedule: spaced }
}

const FIELD_LETTERS = /^[\d*?,/#~@-]|sun|mon|tue|wed|thu|fri|sat/i

/** A line of a crontab has the command, and sometimes the user, after its fields. */
function commandAfter(text: string): Mistake | null {
  const words = text.split(/\s+/)
  const count = Object.hasOwn(MACROS, words[0]?.toLowerCase() ?? '') ? 1 : 5
  const [first, ...others] = words.slice(count)
  if (first === undefined) return null
  const isCommand = /^[~.]?\/[\w.]|\.\w+$|^root$/.test(first) || (others.length > 0 && !FIELD_LETTERS.test(first))
  if (!isCommand) return null
  return {
    what: 'the command of a crontab line is not part of the expression',
    schedule: words.slice(0, count).join(' '),
  }
}
