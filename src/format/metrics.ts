import type { RunContext, RunEvent } from '../core/event.ts'
import { formatInstant } from '../core/instant.ts'
import type { Instant } from '../core/types.ts'
import { safeJson } from './text.ts'

/** Their names are fixed: alarms are made of them. Counters are 0 or 1 in every line, so that an alarm may count zeros. */
interface Metrics {
  readonly Claimed: 0 | 1
  readonly Duplicate: 0 | 1
  readonly Refused: 0 | 1
  readonly Failed: 0 | 1
  readonly Completed: 0 | 1
  /** Of what was started, from its start to its end, in milliseconds. */
  readonly Duration?: number
  /** Of a scheduled attempt: how long after its slot it was started, in milliseconds. */
  readonly Lateness?: number
  /** The number of the attempt. */
  readonly Attempts?: number
}

const UNITS: Readonly<Record<keyof Metrics, 'Count' | 'Milliseconds'>> = {
  Claimed: 'Count',
  Duplicate: 'Count',
  Refused: 'Count',
  Failed: 'Count',
  Completed: 'Count',
  Duration: 'Milliseconds',
  Lateness: 'Milliseconds',
  Attempts: 'Count',
}

/**
 * The line of CloudWatch's embedded metric format for an event that ends an attempt or a trigger; null for any other.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function emfLine(event: RunEvent, context: RunContext, namespace: string, now: Instant): string | null {
  const metrics = metricsOf(event, context)
  if (metrics === null) return null
  const names = Object.keys(metrics) as (keyof Metrics)[]
  return safeJson({
    _aws: {
      Timestamp: now,
      CloudWatchMetrics: [
        {
          Namespace: namespace,
          // Each task, and all of them together.
          Dimensions: [['Task'], []],
          Metrics: names.map((name) => ({ Name: name, Unit: UNITS[name] })),
        },
      ],
    },
    Task: context.task,
    ...metrics,
    // No metrics: they lead from a point in a graph to the row.
    Slot: formatInstant(context.window.slot),
    RunId: context.runId,
  })
}

function metricsOf(event: RunEvent, { trigger, window }: RunContext): Metrics | null {
  const none: Metrics = { Claimed: 0, Duplicate: 0, Refused: 0, Failed: 0, Completed: 0 }
  switch (event.event) {
    case 'duplicate':
      return { ...none, Duplicate: 1 }
    case 'refused':
      return { ...none, Refused: 1 }
    case 'ended': {
      const { attempt, ending, durationMs, finish } = event
      const good = ending.outcome === 'succeeded' && finish === 'recorded'
      return {
        ...none,
        Claimed: 1,
        ...(good ? { Completed: 1 } : { Failed: 1 }),
        ...(ending.outcome !== 'notStarted' && { Duration: Math.round(durationMs) }),
        // A forced slot is late by the will of a person.
        ...(trigger.kind === 'scheduled' && { Lateness: Math.max(0, attempt.startedAt - window.slot) }),
        Attempts: attempt.number,
      }
    }
    case 'skipped':
      return { ...none, Claimed: 1, ...(event.finish !== 'recorded' && { Failed: 1 }) }
    case 'withdrawn':
    case 'unusable':
      return { ...none, Failed: 1 }
    case 'stopped':
      return none
    case 'claimed':
    case 'waiting':
    case 'retry':
    case 'renewal-failed':
    case 'renewal-recovered':
    case 'lease-lost':
    case 'clock-event-time':
    case 'schedule-mismatch':
    case 'schedule-changed':
    case 'warning':
      return null
  }
}
