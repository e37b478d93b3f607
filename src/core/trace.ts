import type { Environment } from './types.ts'

export interface TraceContext {
  readonly traceId: string
  /** The span that started this process. Left out: the run begins the trace. */
  readonly parentSpanId?: string
  readonly isSampled: boolean
}

/** Version ff is not allowed. A later version may have further fields. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

const SAMPLED = 1

/**
 * Returns the trace of a run: that of `TRACEPARENT`, or a new one if spans are sent. Null: none, and the row stays small.
 *
 * Sources: W3C Trace Context; OpenTelemetry, "Environment variables as context propagation carriers".
 */
export function traceOf(env: Environment, runId: string): TraceContext | null {
  if (env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true') return null
  const [, version, traceId, parentSpanId, flags = '', more] = TRACEPARENT.exec(env['TRACEPARENT']?.trim() ?? '') ?? []
  const isValid = version !== '00' || more === undefined
  if (isValid && traceId !== undefined && parentSpanId !== undefined)
    return { traceId, parentSpanId, isSampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED }
  // A run id is 20 random hexadecimal digits.
  return tracesUrl(env) === null ? null : { traceId: (runId + runId).slice(-32), isSampled: true }
}

/** Returns the id of the span of an attempt. The row need not keep it, because it follows from what the row has. */
export function spanIdOf({ runId, number }: { readonly runId: string; readonly number: number }): string {
  return runId.slice(0, 12).padStart(12, '0') + (number % 0xffff).toString(16).padStart(4, '0')
}

export function traceparent({ traceId, isSampled }: TraceContext, spanId: string): string {
  return `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`
}

export function tracesUrl(env: Environment): string | null {
  const exporters = env['OTEL_TRACES_EXPORTER'] || 'otlp'
  if (!exporters.split(',').some((one) => one.trim() === 'otlp')) return null
  const base = env['OTEL_EXPORTER_OTLP_ENDPOINT']
  return env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] || (base ? `${base.replace(/\/$/, '')}/v1/traces` : null)
}
