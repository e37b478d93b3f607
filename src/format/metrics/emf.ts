import type { RunContext, RunEvent } from '../../core/event.ts'
import { formatInstant } from '../../core/instant.ts'
import { keysOf } from '../../core/objects.ts'
import { reportedFacts } from '../../core/row/report.ts'
import type { Instant } from '../../core/types.ts'
import { safeJson } from '../text.ts'

/** The units of the metrics. Their names must not change, because alarms use them. */
const METRIC_UNITS = {
  Claimed: 'Count',
  Duplicate: 'Count',
  Refused: 'Count',
  Failed: 'Count',
  Completed: 'Count',
  Duration: 'Milliseconds',
  /** How long after its slot a scheduled attempt started, or was claimed if it never started. */
  Lateness: 'Milliseconds',
  Attempts: 'Count',
} as const

type Metrics = Readonly<Partial<Record<keyof typeof METRIC_UNITS, number>>>

/** Each line has all counters, as 0 or 1, so that an alarm can also count zeros. */
const ZEROS: Metrics = { Claimed: 0, Duplicate: 0, Refused: 0, Failed: 0, Completed: 0 }

/**
 * Returns the line of CloudWatch's embedded metric format for an event that ends an attempt or a trigger. Returns null
 * for any other event.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function emfLine(event: RunEvent, context: RunContext, namespace: string, now: Instant): string | null {
  const metrics = metricsOf(event, context)
  if (metrics === null) return null
  const reported = reportedMetrics(event)
  const names = Object.keys(reported)
  return safeJson({
    _aws: {
      Timestamp: now,
      CloudWatchMetrics: [
        {
          Namespace: namespace,
          // One series for each task, and one for all tasks together.
          Dimensions: [['Task'], []],
          Metrics: keysOf(metrics).map((name) => ({ Name: name, Unit: METRIC_UNITS[name] })),
        },
        // The facts of two tasks mean different things, even if their names are the same.
        ...(names.length === 0
          ? []
          : [{ Namespace: namespace, Dimensions: [['Task']], Metrics: names.map((Name) => ({ Name, Unit: 'None' })) }]),
      ],
    },
    Task: context.task,
    ...metrics,
    ...reported,
    // These two are not metrics. They lead an operator from a point in a graph to the row.
    Slot: formatInstant(context.window.slot),
    RunId: context.runId,
  })
}

/** The names of metrics are ASCII, and CloudWatch refuses larger numbers. */
const LARGEST_NUMBER = 2 ** 360

/** Returns the numbers that the batch reported. Their prefix keeps them apart from the metrics above. */
function reportedMetrics(event: RunEvent): Readonly<Record<string, number>> {
  const facts = event.event === 'ended' ? (reportedFacts(event.ending.report) ?? {}) : {}
  return Object.fromEntries(
    Object.entries(facts).flatMap(([name, value]): readonly [string, number][] => {
      const isMetric = typeof value === 'number' && Math.abs(value) < LARGEST_NUMBER && /^[!-~]{1,200}$/.test(name)
      return isMetric ? [[`Reported.${name}`, value]] : []
    }),
  )
}

function metricsOf(event: RunEvent, { trigger, window }: RunContext): Metrics | null {
  switch (event.event) {
    case 'duplicate':
      return { ...ZEROS, Duplicate: 1 }
    case 'refused':
      return { ...ZEROS, Refused: 1 }
    case 'ended': {
      const { attempt, ending, durationMs, finish } = event
      const good = ending.outcome === 'succeeded' && finish === 'recorded'
      return {
        ...ZEROS,
        Claimed: 1,
        ...(good ? { Completed: 1 } : { Failed: 1 }),
        ...(ending.outcome !== 'notStarted' && { Duration: Math.round(durationMs) }),
        // A forced attempt has no lateness, because an operator chose its time.
        ...(trigger.kind === 'scheduled' && { Lateness: Math.max(0, attempt.startedAt - window.slot) }),
        Attempts: attempt.number,
      }
    }
    case 'skipped':
    case 'paused':
      return { ...ZEROS, Claimed: 1, ...(event.finish !== 'recorded' && { Failed: 1 }) }
    case 'withdrawn':
    case 'unusable':
    case 'stopped':
      return { ...ZEROS, Failed: 1 }
    default:
      return null
  }
}
