import cronstrue from 'cronstrue'
import { formatInstant } from '../core/instant.ts'
import { rateText } from '../core/schedule/aws-expression.ts'
import type { Schedule } from '../core/schedule/schedule.ts'
import { listed } from './text.ts'

/** Up to this many times of a day are listed one by one. Such a list is easy to read and cannot be misunderstood. */
const NAMED_TIMES = 6

const ITEM = '(?:[0-9]+|[A-Z]{3})(?:-(?:[0-9]+|[A-Z]{3}))?'
const LIST = `${ITEM}(?:,${ITEM})*`
const MONTHS = new RegExp(`^(?:\\*|${LIST})$`)
const DAYS_OF_MONTH = new RegExp(`^(?:[*?]|LW?|[0-9]+W|${LIST})$`)
const DAYS_OF_WEEK = new RegExp(`^(?:[*?]|(?:[0-7]|[A-Z]{3})(?:L|#[0-9])|${LIST})$`)
/** Minutes and hours. cronstrue describes others wrongly: of `5,20 3 * * *` it says "at 03:00". */
const TIMES =
  /^(?:\d+(?:,\d+)* (?:\*|\d+-\d+|\*\/(?:2|3|4|6|8|12))|(?:\*|(?:\*|0)\/(?:2|3|4|5|6|10|12|15|20|30)) (?:\*|\d+-\d+))$/

/** A step of 45 begins again with each hour, so its minutes are listed: its slots are 45 and 15 minutes apart. */
const NAMED_MINUTES = 12

/** Returns the words for a schedule, or the expression as it is written if cronstrue describes its form wrongly. */
export function inWords(schedule: Schedule): string {
  const { expression, zone } = schedule.spec
  switch (schedule.kind) {
    case 'rate': {
      const [, count = '', unit = ''] = /(\d+)[ \t]+(\w+)/.exec(expression) ?? []
      const period = rateText(count, unit).replace(/^1 /, '')
      const day = unit.startsWith('day') ? ' (a day is always 24 hours, also when clocks change)' : ''
      return `Every ${period} from ${formatInstant(schedule.anchor)} on${day}`
    }
    case 'at':
      return `Once, at ${expression.slice('at('.length, -1).trim().replace('T', ' ')} in ${zone}`
    case 'cron':
      return expression.startsWith('@') ? described(expression.toLowerCase()) : (cronWords(schedule) ?? expression)
  }
}

function cronWords({ spec: { expression }, fields }: Extract<Schedule, { kind: 'cron' }>): string | null {
  const isAws = expression.startsWith('cron(')
  const texts = (isAws ? expression.slice('cron('.length, -1).trim() : expression).toUpperCase().split(/[ \t]+/)
  if (!isAws && texts.length === 6 && texts.shift() !== '0') return null
  const [minute = '', hour = '', day = '', month = '', weekday = '', year = '*'] = texts
  if (!(year === '*' && DAYS_OF_MONTH.test(day) && MONTHS.test(month) && DAYS_OF_WEEK.test(weekday))) return null
  const { minutes, hours } = fields
  const isFew = minutes.length * hours.length <= NAMED_TIMES
  const forms = [minute, ...(minutes.length <= NAMED_MINUTES ? [minutes.join(',')] : [])].map((one) => `${one} ${hour}`)
  const form = forms.find((one) => TIMES.test(one))
  if (!isFew && form === undefined) return null
  const times = hours.flatMap((one) => minutes.map((other) => `${two(one)}:${two(other)}`))
  // Each of two restricted fields is enough in a crontab, and cronstrue always says that both count.
  const pairs =
    /[*?]/.test(day) || /[*?]/.test(weekday)
      ? [`${day} ${month} ${weekday}`]
      : [`${day} ${month} *`, `* ${month} ${weekday}`]
  const days = pairs.map((one) => described(`0 0 ${one}`, isAws).replace(/^At 00:00(?:, )?(?:only (?=on ))?/, ''))
  const time = isFew ? `At ${listed(times, 'and')}` : described(`${form} * * *`)
  return [time, days.join(', and ')].filter(Boolean).join(', ')
}

const two = (value: number) => String(value).padStart(2, '0')

/** AWS counts the days of the week from Sunday as 1, crontab from Sunday as 0 or 7. */
function described(cron: string, isAws = false): string {
  return cronstrue.toString(cron, { use24HourTimeFormat: true, dayOfWeekStartIndexZero: !isAws })
}
