// Part `slots`: which slot an event time belongs to, against cron-parser and croner, which give the fire time before it.
import { CronExpressionParser } from 'cron-parser'
import { Cron } from 'croner'
import { parseSchedule } from '../../dist/core/schedule/schedule.js'
import { slotsBetween, windowOf } from '../../dist/core/schedule/slot.js'
import { interleave, target } from './lab.mjs'

const EXPRESSIONS = ['0 3 * * *', '*/15 * * * *', '0 9 * * 1-5', '* * * * *']
const ZONES = ['UTC', 'America/New_York']
const YEAR_START = Date.UTC(2026, 0, 1)
const YEAR_MS = 365 * 86_400_000
/** Event times all over a year, in random order, because a container asks once and gains nothing from a cache of the last answer. */
const TIMES = Array.from({ length: 1000 }, (_, index) => YEAR_START + (((index * 7919) % 1000) / 1000) * YEAR_MS + 1337)
const SAMPLE_MS = 30

export async function run({ rounds }) {
  const jobs = ZONES.flatMap((zone) => [
    ...EXPRESSIONS.flatMap((expression) => {
      const options = (at) => ({ tz: zone, currentDate: new Date(at) })
      const ours = parseSchedule({ expression, zone })
      const parser = CronExpressionParser.parse(expression, options(YEAR_START))
      const croner = new Cron(expression, { timezone: zone })
      const rival = (name, parse, slot) => ({
        name: `${name}: ${expression} ${zone}`,
        run: () => ({ parsePerS: perSecond(parse), slotPerS: perSecond(slot) }),
      })
      return [
        rival(
          'cronledger',
          (at) => windowOf(parseSchedule({ expression, zone }), at),
          (at) => windowOf(ours, at),
        ),
        rival(
          'cron-parser',
          (at) => CronExpressionParser.parse(expression, options(at)).prev(),
          (at) => {
            parser.reset(new Date(at))
            return parser.prev()
          },
        ),
        rival(
          'croner',
          (at) => new Cron(expression, { timezone: zone }).previousRuns(1, new Date(at)),
          (at) => croner.previousRuns(1, new Date(at)),
        ),
      ]
    }),
    ...yearJobs(zone),
  ])
  const medians = await interleave(rounds, jobs)
  return { medians, targets: targetsOf(medians) }
}

/** A year of `* * * * *`, from its first minute to its last. The peers get a day of it: a year takes them up to half a minute. */
function yearJobs(zone) {
  const ours = parseSchedule({ expression: '* * * * *', zone })
  const dayMinutes = 1440
  return [
    {
      name: `cronledger: year ${zone}`,
      run() {
        const before = process.memoryUsage().heapUsed
        const started = performance.now()
        let count = 0
        let peak = before
        for (const _ of slotsBetween(ours, YEAR_START, YEAR_START + YEAR_MS)) {
          count += 1
          if (count % 10_000 === 0) peak = Math.max(peak, process.memoryUsage().heapUsed)
        }
        if (count !== YEAR_MS / 60_000) throw new Error(`${count} slots in a year of minutes`)
        return { yearS: (performance.now() - started) / 1000, heapMb: (peak - before) / 2 ** 20 }
      },
    },
    {
      name: `cron-parser: year ${zone}`,
      run() {
        const parser = CronExpressionParser.parse('* * * * *', { tz: zone, currentDate: new Date(YEAR_START) })
        const started = performance.now()
        for (let count = 0; count < dayMinutes; count += 1) parser.next()
        return { yearS: ((performance.now() - started) / 1000) * 365 }
      },
    },
    {
      name: `croner: year ${zone}`,
      run() {
        const croner = new Cron('* * * * *', { timezone: zone })
        const started = performance.now()
        let at = new Date(YEAR_START)
        for (let count = 0; count < dayMinutes; count += 1) at = croner.nextRun(at)
        return { yearS: ((performance.now() - started) / 1000) * 365 }
      },
    },
  ]
}

function perSecond(slotAt) {
  const started = performance.now()
  let count = 0
  let passed = 0
  for (; passed < SAMPLE_MS; passed = performance.now() - started) {
    for (let turn = 0; turn < 20; turn += 1) slotAt(TIMES[(count + turn) % TIMES.length])
    count += 20
  }
  return (count / passed) * 1000
}

function targetsOf(medians) {
  const ratio = (figure, what) =>
    medians.get(`cronledger: ${what}`)[figure] /
    Math.max(...['cron-parser', 'croner'].map((name) => medians.get(`${name}: ${what}`)[figure]))
  return ZONES.flatMap((zone) => [
    ...EXPRESSIONS.flatMap((expression) => [
      target(`slot of parsed ${expression} ${zone} / best peer`, ratio('slotPerS', `${expression} ${zone}`), '>=', 20),
      target(`parse and slot ${expression} ${zone} / best peer`, ratio('parsePerS', `${expression} ${zone}`), '>=', 3),
    ]),
    target(`year of minutes ${zone}, s`, medians.get(`cronledger: year ${zone}`).yearS, '<=', zone === 'UTC' ? 0.5 : 1),
    // The young generation of V8: what is garbage at once never leaves it.
    target(`year of minutes ${zone}, heap, MB`, medians.get(`cronledger: year ${zone}`).heapMb, '<=', 32),
  ])
}
