import { expect, test } from 'vitest'
import { spanIdOf, traceOf, traceparent, tracesUrl } from '../../src/core/trace.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT = '00f067aa0ba902b7'
const RUN = '3148e9333408f2479a24'
const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318/' }

test.each([
  [`00-${TRACE}-${PARENT}-01`, { traceId: TRACE, parentSpanId: PARENT, isSampled: true }],
  [` 00-${TRACE}-${PARENT}-00 `, { traceId: TRACE, parentSpanId: PARENT, isSampled: false }],
  // A later version may have more flags and fields.
  [`cc-${TRACE}-${PARENT}-03-more`, { traceId: TRACE, parentSpanId: PARENT, isSampled: true }],
  [`00-${TRACE}-${PARENT}-01-more`, null],
  [`ff-${TRACE}-${PARENT}-01`, null],
  [`00-${'0'.repeat(32)}-${PARENT}-01`, null],
  [`00-${TRACE}-${'0'.repeat(16)}-01`, null],
  [`00-${TRACE.toUpperCase()}-${PARENT}-01`, null],
  ['', null],
])('TRACEPARENT %j', (given, expected) => {
  expect(traceOf({ TRACEPARENT: given }, RUN)).toEqual(expected)
})

test('a trace is made only if spans are sent somewhere, and its ids are valid and are the same each time', () => {
  expect(traceOf({}, RUN)).toBeNull()
  const trace = traceOf({ ...ENDPOINT, TRACEPARENT: 'no' }, RUN)
  expect(trace).toEqual(traceOf(ENDPOINT, RUN))
  if (trace === null) throw new Error('no trace')
  const ids = [1, 2, 65_534].map((number) => spanIdOf({ runId: RUN, number }))
  expect(new Set(ids).size).toBe(3)
  for (const id of ids)
    expect(traceOf({ TRACEPARENT: traceparent(trace, id) }, RUN)).toMatchObject({ parentSpanId: id })
  expect(traceOf({ ...ENDPOINT, OTEL_SDK_DISABLED: 'TRUE' }, RUN)).toBeNull()
})

test.each([
  [{}, null],
  [ENDPOINT, 'http://localhost:4318/v1/traces'],
  [{ ...ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://other/x' }, 'http://other/x'],
  [{ ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }, null],
  [{ ...ENDPOINT, OTEL_TRACES_EXPORTER: 'console, otlp' }, 'http://localhost:4318/v1/traces'],
])('spans are sent by %j to %j', (env, expected) => {
  expect(tracesUrl(env)).toBe(expected)
})
