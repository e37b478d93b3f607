import { isNear } from '../near.ts'
import { isForm } from './form.ts'

// The texts that users often write instead of a schedule or a zone, and the form that they probably meant. Everything else
// gets the error of the parser, which has the value and the allowed form. A correction is given only if the parsers accept it.

/** What is wrong, the schedule that was probably meant, what follows it on the command line, and what else to do. */
interface Mistake {
  readonly what: string
  readonly schedule?: string
  readonly more?: string
  readonly advice?: string
}

const MARK = 'cron(…) needs a "?" for day of month or day of week'

type Explain = (...groups: readonly string[]) => Mistake | null

/** The most frequent mistakes come first. Several spaces are read as one. */
const MISTAKES: readonly (readonly [RegExp, Explain])[] = [
  [/^([^()@]*\?[^()@]*)$/, (text = '') => inAws('"?" exists only in cron(…)', text)],
  [
    /^\$/,
    () => ({ what: 'a variable in it was not replaced', advice: 'Write its value, or use double quotes in a shell.' }),
  ],
  [
    /^((?:cron|rate|at)\(.*\))$/i,
    (text = '') => ({
      what: 'its form is written in lower case',
      schedule: text.replace(/^\w+/, (word) => word.toLowerCase()),
    }),
  ],
  [/^cron\((.*)\)$/, (text = '') => inAws('cron(…) has minutes first, and no seconds', text)],
  [/^(?:CRON_TZ|TZ) ?= ?([^\s]+) (\S.*)$/i, (zone = '', schedule = '') => withZone(schedule, zone)],
  [/^(\S.*\S) ([A-Z][a-z]+\/[A-Z][\w/+-]+|UTC|GMT|JST)$/, withZone],
  [
    /^(?:@?every )?(?:(\d+|an?) ?)?(\w+)$/i,
    (count, unit) => macro(unit) ?? interval('a schedule in words is not supported', unit, count),
  ],
  [
    /^(?:every ?)?(?:day|daily)? ?(?:at )?(\d{1,2})(?=:| ?[ap]m)(?::(\d\d))?(?::00)? ?([ap]m)?$/i,
    (hour, minute, half) => timeOfDay('a time of day alone is not a schedule', hour, minute, half),
  ],
  [
    /^\*-\*-\* (\d\d?):(\d\d)(?::00)?$/,
    (hour, minute) => timeOfDay('this is an OnCalendar form of systemd', hour, minute),
  ],
  [
    /^(@\w+|(?:\S+ ){4}\S+) (?:\w+ )?[~.]?\/[\w.].*$/,
    (schedule = '') => ({ what: 'the command of a crontab line is not part of the expression', schedule }),
  ],
  [
    /^(?:\S+ ){4}[^\s,;|]+ ?[,;|]+ ?(?:\S+ ){4}\S+$/,
    () => ({
      what: 'this is a list of two expressions, and a task has one schedule',
      advice: "Use one with a list in a field, such as '0 3,15 * * *', or two tasks.",
    }),
  ],
  [/^rate ?\((\d+) ?([a-z]+)\)$/i, (count, unit) => interval('rate(…) is not in this form', unit, count, true)],
]

/** Returns the text of the error about an expression that was refused, or null if the mistake is not a frequent one. */
export function findMistake(expression: string, hasAnchor: boolean): string | null {
  // NFKC turns the wide characters of East Asian keyboards and the no-break space into the usual ones.
  const wide = expression
    .normalize('NFKC')
    .replace(/[\u2010-\u2015\u2212]/g, '-')
    .replace(/[\u2217\u00d7]/g, '*')
  const usual = wide.replace(/\s+/g, ' ').trim()
  if (isForm(usual)) {
    const what = 'it contains characters that only look like those of an expression'
    return textOf({ what, schedule: usual }, hasAnchor)
  }
  for (const [pattern, explain] of MISTAKES) {
    const match = pattern.exec(usual)
    const mistake = match === null ? null : explain(...match.slice(1))
    if (mistake === null || (mistake.schedule !== undefined && !isForm(mistake.schedule))) continue
    return textOf(mistake, hasAnchor)
  }
  return null
}

function textOf({ what, schedule, more = '', advice = '' }: Mistake, hasAnchor: boolean): string {
  if (schedule === undefined) return `${what}. ${advice}`.trim()
  const isRate = schedule.startsWith('rate(')
  const start = isRate ? ' --anchor START, where START is the instant that it counts from' : ''
  const anchor = hasAnchor ? (isRate ? '' : ', and leave out --anchor') : start
  return `${what}. Use --schedule '${schedule}'${more}${anchor}. ${advice}`.trim()
}

/** Fields of AWS without the year, its brackets or its "?", or those of Quartz, which begin with seconds. */
function inAws(what: string, text: string): Mistake | null {
  const all = text.trim().split(' ')
  if (all.length < 5) return null
  const [first = '', ...others] = all
  const [, , day, , weekday = ''] = all
  // Numbers of weekdays differ between the two kinds of cron, so they are left to the user.
  if (day === '*' && /\d/.test(weekday) && !text.includes('?')) {
    return {
      what: MARK,
      advice: 'Put it for the day of month, and name the days, such as MON-FRI: AWS counts Sunday as 1.',
    }
  }
  const marked = [4, 2].map((at) => all.map((field, index) => (index === at && field === '*' ? '?' : field)))
  const forms = [all, ...(/^0+$/.test(first) ? [others] : []), ...marked].flatMap((fields) => [
    [...fields, '*'],
    fields,
  ])
  const index = forms.findIndex((fields) => isForm(`cron(${fields.join(' ')})`))
  const isMarked = !text.includes('?')
  return index === -1 ? null : { what: isMarked ? MARK : what, schedule: `cron(${forms[index]?.join(' ')})` }
}

function withZone(schedule = '', zone = ''): Mistake {
  const more = ` --timezone ${(zoneMeantBy(zone) ?? zone).replace(/ .*/, '')}`
  return { what: 'a time zone is not part of the expression', schedule, more }
}

function macro(name = ''): Mistake | null {
  const schedule = `@${name.toLowerCase()}`
  return isForm(schedule) ? { what: 'a macro begins with "@"', schedule } : null
}

/** A crontab needs no anchor, so it is shown if its steps fit. */
function interval(what: string, unitText = '', countText = '1', isRate = false): Mistake | null {
  const [, letter] = /^(m|h|d)(?:ins?|inutes?|rs?|ours?|ays?)?$/i.exec(unitText.toLowerCase()) ?? []
  const count = Number(countText.replace(/an?/i, '1'))
  if (letter === undefined) return null
  const [unit, crontab, size] = {
    m: ['minute', `*/${count} * * * *`, 60] as const,
    h: ['hour', `0 */${count} * * *`, 24] as const,
    d: ['day', '0 0 * * *', 1] as const,
  }[letter as 'm' | 'h' | 'd']
  const rate = `rate(${count} ${unit}${count === 1 ? '' : 's'})`
  return { what, schedule: isRate || size % count !== 0 ? rate : crontab }
}

function timeOfDay(what: string, hour = '', minute = '00', half?: string): Mistake {
  const of24 = half === undefined ? Number(hour) : (Number(hour) % 12) + (half.toLowerCase() === 'pm' ? 12 : 0)
  return { what, schedule: `${Number(minute)} ${of24} * * *` }
}

/** Abbreviations that are not IANA names, or that mean something else there. */
const ZONES: Readonly<Record<string, string>> = {
  jst: 'Asia/Tokyo',
  beijing: 'Asia/Shanghai',
  cest: 'Europe/Berlin',
  edt: 'America/New_York',
  cst: 'America/Chicago (or Asia/Shanghai)',
  cdt: 'America/Chicago',
  pst: 'America/Los_Angeles',
  pdt: 'America/Los_Angeles',
  z: 'UTC',
}

/** Returns what to write instead of a text that is not the name of a time zone. `isZone` returns whether a text is one. */
export function zoneAdvice(text: string, isZone: (name: string) => boolean): string {
  const name = text.trim().replace(/^["':]+|["']+$/g, '')
  if (isZone(name)) return `Use ${name}, without white space or quotation marks around it.`
  const [, sign, hours = '', minutes = '00'] = /^(?:utc|gmt)?([+-])(\d{1,2}):?(\d{2})?$/i.exec(name) ?? []
  if (sign === undefined) {
    const meant = zoneMeantBy(name)
    return meant === null ? 'Use an IANA name such as "Asia/Tokyo", "America/New_York" or "UTC".' : `Use ${meant}.`
  }
  const fixed = `Etc/GMT${sign === '+' ? '-' : '+'}${Number(hours)}`
  const isFixed = minutes === '00' && Number(hours) > 0 && isZone(fixed)
  return `Use the IANA name of the zone, such as "Asia/Tokyo".${isFixed ? ` For an offset that never changes, use ${fixed} (its sign is reversed).` : ''}`
}

function zoneMeantBy(text: string): string | null {
  const name = text.toLowerCase().replaceAll(' ', '_')
  const city = name.replace(/^.*\//, '')
  const names = Intl.supportedValuesOf('timeZone')
  const cityOf = (zone: string) => zone.toLowerCase().replace(/^.*\//, '')
  return (
    ZONES[name.replace(/-\d+$/, '')] ??
    ZONES[city] ??
    names.find((zone) => zone.toLowerCase() === name || cityOf(zone) === city) ??
    names.find((zone) => isNear(zone.toLowerCase(), name) || isNear(cityOf(zone), name)) ??
    null
  )
}
