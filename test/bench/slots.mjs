// Part `slots`: which slot an event time belongs to, against cron-parser, which gives the fire time before it.
import { CronExpressionParser } from 'cron-parser'
import { parseSchedule } from '../../dist/core/schedule/schedule.js'
import { slotsBetween, windowOf } from '../../dist/core/schedule/slot.js'
import { atLeast, atMost, interleave } from './lab.mjs'

const EXPRESSIONS = ['0 3 * * *', '*/15 * * * *', '0 9 * * 1-5', '* * * * *']
const ZONES = ['UTC', 'America/New_York']
const YEAR_START = Date.UTC(2026, 0, 1)
const YEAR_MS = 365 * 86_400_000
/** Event times all over a year, in random order: a container asks once and gains nothing from the last answer. */
const TIMES = Array.from({ length: 1000 }, (_, index) => YEAR_START + (((index * 7919) % 1000) / 1000) * YEAR_MS + 1337)
const SAMPLE_MS = 30

export async function run({ rounds }) {
  const medians = await interleave(rounds, [
    ...ZONES.flatMap((zone) => [...EXPRESSIONS.map((expression) => job(expression, zone)), yearJob(zone)]),
  ])
  const targets = ZONES.flatMap((zone) => [
    ...EXPRESSIONS.map((expression) => {
      const { slotPerS, peerPerS } = medians.get(`${expression} ${zone}`)
      return atLeast(`slot of ${expression} ${zone} / cron-parser`, slotPerS / peerPerS, 20)
    }),
    atMost(`year of minutes ${zone}, s`, medians.get(`year ${zone}`).yearS, zone === 'UTC' ? 0.5 : 1),
    // The young generation of V8: what is garbage at once never leaves it.
    atMost(`year of minutes ${zone}, heap, MB`, medians.get(`year ${zone}`).heapMb, 32),
  ])
  return { medians, targets }
}

function job(expression, zone) {
  const ours = parseSchedule({ expression, zone })
  const parser = CronExpressionParser.parse(expression, { tz: zone })
  return {
    name: `${expression} ${zone}`,
    run: () => ({
      slotPerS: perSecond((at) => windowOf(ours, at)),
      peerPerS: perSecond((at) => {
        parser.reset(new Date(at))
        return parser.prev()
      }),
    }),
  }
}

/** A year of `* * * * *`, from its first minute to its last. */
function yearJob(zone) {
  const ours = parseSchedule({ expression: '* * * * *', zone })
  return {
    name: `year ${zone}`,
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
  }
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
