import type { EventOf, RunContext } from '../core/event.ts'
import { formatInstant } from '../core/instant.ts'
import { spanIdOf, type TraceContext } from '../core/trace.ts'
import { endingText } from '../verdict/endings.ts'

type Attributes = Readonly<Record<string, string | number>>

const INTERNAL = 1
const OK = 1
const ERROR = 2

/** Returns the span of an attempt that has ended, as the body of a request of OTLP/HTTP in JSON. */
export function spanBody(
  { attempt, ending, durationMs }: EventOf<'ended'>,
  { task, window, runId, trigger }: RunContext,
  { traceId, parentSpanId }: TraceContext,
  resource: Attributes,
): string {
  const succeeded = ending.outcome === 'succeeded'
  const { exitCode } = ending
  const span = {
    traceId,
    spanId: spanIdOf(attempt),
    ...(parentSpanId !== undefined && { parentSpanId }),
    name: task,
    kind: INTERNAL,
    startTimeUnixNano: nanoseconds(attempt.startedAt),
    endTimeUnixNano: nanoseconds(attempt.startedAt + Math.round(durationMs)),
    attributes: attributesOf({
      'cronledger.task': task,
      'cronledger.slot': formatInstant(window.slot),
      'cronledger.run': runId,
      'cronledger.attempt': attempt.number,
      'cronledger.trigger': trigger.kind,
      'cronledger.outcome': ending.outcome,
      ...(exitCode !== undefined && { 'process.exit.code': exitCode }),
    }),
    status: succeeded ? { code: OK } : { code: ERROR, message: endingText(ending) },
  }
  const scopeSpans = [{ scope: { name: 'cronledger' }, spans: [span] }]
  return JSON.stringify({ resourceSpans: [{ resource: { attributes: attributesOf(resource) }, scopeSpans }] })
}

function nanoseconds(ms: number): string {
  return `${ms}000000`
}

function attributesOf(attributes: Attributes) {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === 'string' ? { stringValue: value } : { intValue: String(value) },
  }))
}
