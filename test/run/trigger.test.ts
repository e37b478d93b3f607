import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseSchedule } from '../../src/core/schedule/schedule.ts'
import type { ScheduleSpec } from '../../src/core/types.ts'
import { defaultZoneWarning, readTrigger, type TriggerInput, type TriggerSettings } from '../../src/run/trigger.ts'

const fixture = (name: string) => readFileSync(new URL(`../fixtures/aws/${name}`, import.meta.url), 'utf8')
const at = (text: string) => Date.parse(text)

const NIGHTLY = { expression: '0 3 * * *', zone: 'Asia/Tokyo' }
const SETTINGS: TriggerSettings = { strict: false, retentionMs: null, skewMs: 30_000 }
const NOW = at('2026-11-23T18:00:40Z')

function read(input: TriggerInput, settings: Partial<TriggerSettings> = {}, spec: ScheduleSpec = NIGHTLY, now = NOW) {
  return readTrigger(input, parseSchedule(spec), { ...SETTINGS, ...settings }, now)
}
const force = (slot: string, rest = {}): TriggerInput => ({ force: { slot, reason: 'bad input', by: 'ada', ...rest } })

test('an event time may be ahead of this clock by the skew and the tolerance', () => {
  expect(read({ eventTime: new Date(NOW + 60_000).toISOString() }).window.slot).toBe(at('2026-11-23T18:00:00Z'))
})

test('event time, the first that is present: --event-time', () => {
  const { trigger, window } = read({ eventTime: '2026-11-24T03:00:00+09:00' })
  expect(trigger).toEqual({ kind: 'scheduled', eventTime: at('2026-11-23T18:00:00Z'), source: 'event-time' })
  expect(window).toEqual({ slot: at('2026-11-23T18:00:00Z'), end: at('2026-11-24T18:00:00Z') })
})

test('the event of an EventBridge rule', () => {
  const { trigger, notices } = read({ eventTime: fixture('rule-event.json') })
  expect(trigger).toEqual({ kind: 'scheduled', eventTime: at('2026-11-23T18:00:00Z'), source: 'event' })
  expect(notices).toEqual([])
})

test('what EventBridge Scheduler puts into a container override', () => {
  const input = JSON.parse(fixture('scheduler-input.json'))
  const [{ name, value }] = input.containerOverrides[0].environment
  expect(name).toBe('CRONLEDGER_EVENT_TIME')
  expect(read({ eventTime: value }).window.slot).toBe(at('2026-11-23T18:00:00Z'))
})

test('the clock, with a warning for windows under an hour', () => {
  expect(read({})).toMatchObject({ trigger: { source: 'clock', eventTime: NOW }, notices: [] })
  const quarter = read({}, {}, { expression: '*/15 * * * *', zone: 'UTC' })
  expect(quarter.notices).toEqual([{ event: 'clock-event-time', windowMs: 900_000 }])
  expect(() => read({}, { strict: true })).toThrow(/an event time is required/)
})

test('the name of a Job of a Kubernetes CronJob ends with the scheduled minute', () => {
  const minute = at('2026-11-23T18:00:00Z') / 60_000
  expect(read({ eventTime: `k8s-job:nightly-${minute}` })).toMatchObject({
    trigger: { kind: 'scheduled', eventTime: at('2026-11-23T18:00:00Z'), source: 'event-time' },
    window: { slot: at('2026-11-23T18:00:00Z') },
    notices: [],
  })
  // The longest name of a CronJob has 52 characters.
  for (const name of ['my-nightly-batch-2', 'n'.repeat(52)])
    expect(read({ eventTime: `k8s-job:${name}-${minute - 1440}` }).window.slot).toBe(at('2026-11-22T18:00:00Z'))
})

test.each([
  'nightly',
  'nightly-manual-1',
  // As `kubectl create job nightly-$(date +%s)` names it, and as Kubernetes named all Jobs before 1.21.
  'nightly-1763949600',
  'nightly-20261125',
  'nightly-2026112503',
  'nightly-29400000x',
  '29400000',
  'nightly-29400000-x7k2p',
  '$(JOB_NAME)',
  '',
])('the name of a Job that was made by hand is a usage error that says how to run a slot by hand: %s', (name) => {
  expect(() => read({ eventTime: `k8s-job:${name}` })).toThrow(
    `event time "k8s-job:${name}" does not end with a scheduled minute, as nightly-29400000 does, so it is not the name of a Job that a schedule started. To run a slot by hand, force that slot instead of giving an event time.`,
  )
})

test('the minute does not depend on timeZone: each schedule finds its slot by it', () => {
  for (const zone of ['UTC', 'Asia/Tokyo', 'Asia/Kolkata', 'America/St_Johns']) {
    const schedule = { expression: '30 3 * * *', zone }
    const { window } = read({ eventTime: '2026-11-23T17:00:00Z' }, {}, schedule)
    const found = read({ eventTime: `k8s-job:nightly-${window.slot / 60_000}` }, { strict: true }, schedule)
    expect(found).toMatchObject({ window: { slot: window.slot }, notices: [], objection: null })
  }
})

test('a minute in the future, and one that is not in the schedule, are as in any event time', () => {
  expect(() => read({ eventTime: `k8s-job:nightly-${at('2027-11-23T18:00:00Z') / 60_000}` })).toThrow(
    /is in the future/,
  )
  expect(() => read({ eventTime: 'k8s-job:nightly-202611251' })).toThrow(/event time/)
  const other = `k8s-job:nightly-${at('2026-11-23T12:00:00Z') / 60_000}`
  expect(read({ eventTime: other }).notices).toMatchObject([{ event: 'schedule-mismatch' }])
  expect(read({ eventTime: other }, { strict: true }).objection).toBe('scheduleMismatch')
})

test('an event time just before a slot belongs to it', () => {
  expect(read({ eventTime: '2026-11-23T17:59:31Z' }).window.slot).toBe(at('2026-11-23T18:00:00Z'))
  expect(read({ eventTime: '2026-11-23T17:59:29Z' }).window.slot).toBe(at('2026-11-22T18:00:00Z'))
})

const event = (eventTime: string): TriggerInput => ({ eventTime })

test.each<[TriggerInput, RegExp]>([
  [event('2026-11-24T18:00:00Z'), /is in the future\. .* a later run must not lose its slot/],
  [event(new Date(NOW + 60_001).toISOString()), /in the future/],
  [event('2026-11-24T03:00:00'), /event time "2026-11-24T03:00:00" has no offset/],
  [event('2026-11-24T03:00:00Z'), / If 03:00 is the local time in Asia\/Tokyo, write 2026-11-24T03:00:00\+09:00\.$/],
  [event('1795888800'), /is a Unix time. Use ISO 8601: 2026-11-28T18:00:00Z$/],
  [event('2026-11-24'), /event time "2026-11-24" is not a valid instant/],
  ...['<aws.scheduler.scheduled-time>', '{{ data_interval_end | ts }}', '$.time', '$(date)', '%AT%'].map(
    (text): [TriggerInput, RegExp] => [event(text), /was not replaced/],
  ),
  [event('{'), /the event is not valid JSON/],
  [event('{"detail":{}}'), /the event has no "time"/],
  [event('{"time":2026}'), /^the "time" of the event is 2026, which is not a text\. /],
  [{ ...force('latest'), ...event('2026-11-23T18:00:00Z') }, /cannot be used together/],
  [force('latest', { reason: ' ' }), /the reason is empty/],
  [force('latest', { reason: 'x'.repeat(801) }), /801 bytes in UTF-8\. At most 800/],
  [force('latest', { reason: '再'.repeat(267) }), /801 bytes in UTF-8\. At most 800/],
  [force('latest', { by: '🙈'.repeat(51) }), /204 bytes in UTF-8\. At most 200/],
  [force('2026-11-24T18:00:00Z'), /not due yet/],
])('a trigger with %j is a usage error', (input, message) => {
  expect(() => read(input)).toThrow(expect.objectContaining({ kind: 'usage', message: expect.stringMatching(message) }))
})

test('a time before the first slot is a usage error', () => {
  const spec = { expression: 'rate(1 hour)', zone: 'UTC', anchor: at('2026-11-24T00:00:00Z') }
  expect(() => read({ eventTime: '2026-11-23T17:00:00Z' }, {}, spec)).toThrow(/has no slot at or before the event time/)
})

test('a mismatch says whether the event time would match in TZ or in UTC', () => {
  const notices = (eventTime: string, hostZone: string | undefined, spec = NIGHTLY) =>
    read({ eventTime, hostZone }, {}, spec).notices.map((notice) => 'matchesIn' in notice && notice.matchesIn)
  const UTC = { expression: '0 3 * * *', zone: 'UTC' }
  // 03:00 in Tokyo, but the schedule is read in UTC.
  expect(notices('2026-11-22T18:00:00Z', 'Asia/Tokyo', UTC)).toEqual(['Asia/Tokyo'])
  expect(notices('2026-11-22T18:00:00Z', undefined, UTC)).toEqual([false])
  expect(notices('2026-11-22T18:00:00Z', 'nonsense', UTC)).toEqual([false])
  // 03:00 in UTC, but the schedule is read in Tokyo.
  expect(notices('2026-11-23T03:00:00Z', undefined)).toEqual(['UTC'])
  expect(notices('2026-11-23T04:00:00Z', 'Europe/Berlin')).toEqual([false])
  expect(notices('2026-11-23T02:00:00Z', 'Europe/Berlin')).toEqual(['Europe/Berlin'])
  // At 02:30 on the second Sunday of March, New York has no clock time.
  const gap = { expression: 'cron(30 2 ? 3 1#2 2008-2199)', zone: 'UTC' }
  expect(notices('2026-03-08T07:30:00Z', 'America/New_York', gap)).toEqual([false])
})

test('a schedule that is read in UTC although TZ names another zone is a warning', () => {
  const warning = (hostZone: string | undefined, expression = '0 3 * * *') =>
    defaultZoneWarning(
      parseSchedule({ expression, zone: 'UTC', ...(expression.startsWith('rate') && { anchor: 0 }) }),
      hostZone,
    )
  expect(warning('Asia/Tokyo')).toBe(
    'the schedule is read in UTC, but TZ is "Asia/Tokyo". Give --timezone Asia/Tokyo, or --timezone UTC if UTC is meant.',
  )
  expect(warning('JST-9')).toMatch(/Give --timezone with the IANA name of that zone/)
  for (const zone of [undefined, '', 'UTC', 'utc', 'Etc/UTC', 'GMT', 'UTC0', 'GMT-0']) expect(warning(zone)).toBeNull()
  expect(warning('Asia/Tokyo', 'rate(1 hour)')).toBeNull()
})

test('an event time that is not a fire time: schedule-mismatch; one of another year: a warning', () => {
  const eventTime = '2026-11-23T17:00:00Z'
  expect(read({ eventTime })).toMatchObject({
    notices: [{ event: 'schedule-mismatch', eventTime: at(eventTime), source: 'event-time' }],
    objection: null,
  })
  expect(read({ eventTime }, { strict: true }).objection).toBe('scheduleMismatch')
  const message = 'the event time 2016-11-23T18:00:00Z is more than a year ago. Check its year.'
  expect(read({ eventTime: '2016-11-23T18:00:00Z' }).notices).toEqual([{ event: 'warning', message }])
  expect(read({ eventTime: '2026-11-23T18:00:59Z' }, {}, NIGHTLY, NOW + 60_000).notices).toEqual([])
  const rate = { expression: 'rate(1 hour)', zone: 'UTC', anchor: at('2026-11-20T00:30:00Z') }
  expect(read({ eventTime }, { strict: true }, rate)).toMatchObject({ notices: [], objection: null })
})

test.each([
  ['2026-11-22T18:00:00Z', '2026-11-22T18:00:00Z'],
  ['2026-11-23T03:00:00+09:00', '2026-11-22T18:00:00Z'],
  // Local time in the zone of the schedule, a date with exactly one slot, and the newest that is due.
  ['2026-11-23T03:00', '2026-11-22T18:00:00Z'],
  ['2026-11-23', '2026-11-22T18:00:00Z'],
  ['latest', '2026-11-23T18:00:00Z'],
])('the slot to force: %s', (slot, expected) => {
  const { window, trigger } = read(force(slot))
  expect(window.slot).toBe(at(expected))
  expect(trigger).toEqual({ kind: 'forced', by: 'ada', reason: 'bad input' })
})

const NEW_YORK = { expression: '*/30 1 * * *', zone: 'America/New_York' }
const tokyo = (expression: string) => ({ ...NIGHTLY, expression })
test.each<[string, ScheduleSpec, RegExp]>([
  ['2026-11-23T12:00:00Z', NIGHTLY, /The nearest slots are 2026-11-22T18:00:00Z and 2026-11-23T18:00:00Z/],
  ['2026-11-22T18:00:01Z', NIGHTLY, /is not a slot/],
  ['2026-11-22', tokyo('0 */4 * * *'), /several slots on that day in Asia\/Tokyo. Use one of .*, …/],
  ['2026-11-22', tokyo('0 3 * * 1'), /the schedule has no slots/],
  ['2011-12-30', { ...NIGHTLY, zone: 'Pacific/Apia' }, /does not exist: Pacific\/Apia skipped that day/],
  ['2026-02-30', NIGHTLY, /is not a valid date/],
  ['2026-03-08T02:30', NEW_YORK, /the clocks in America\/New_York skip it/],
  ['2026-11-01T01:30', { ...NEW_YORK, expression: '30 * * * *' }, /occurs twice .*05:30:00Z or .*06:30:00Z/],
  ['last night', NIGHTLY, /^slot "last night" is not valid. Use an instant .*, a local time .*, or latest.$/],
  ['2026-11-22T25:00', NIGHTLY, /is not a valid date and time/],
  ['latest', { expression: 'at(2027-01-01T00:00:00)', zone: 'UTC' }, /due yet/],
])('%s of %j is a usage error', (slot, spec, message) => {
  const error = { kind: 'usage', message: expect.stringMatching(message) }
  expect(() => read(force(slot), {}, spec)).toThrow(expect.objectContaining(error))
})

// The clocks of the Azores go back from 01:00 to 00:00, those of St. John's went from 00:01 to 23:01.
test.each([
  ['a date with two midnights', '2026-10-25', '@daily', 'Atlantic/Azores', '2026-10-25T00:00:00Z'],
  ['a date that comes back', '2010-11-06', '30 23 * * *', 'America/St_Johns', '2010-11-07T02:00:00Z'],
  ['a date that the clocks cut short', '2027-03-14', '0 1 * * *', 'America/Havana', '2027-03-14T05:00:00Z'],
  ['the last time before a gap', '2019-03-30T23:45', '45 23 * * *', 'America/Scoresbysund', '2019-03-31T00:45:00Z'],
  ['a time hours away from a gap', '2010-09-26T22:31', '31 22 * * *', 'Pacific/Apia', '2010-09-27T08:31:00Z'],
])('the slot to force: %s', (_, slot, expression, zone, expected) => {
  const { window } = read(force(slot), {}, { expression, zone }, at('2027-06-01T00:00:00Z'))
  expect(window.slot).toBe(at(expected))
})

const read60 = (now: string) =>
  read({}, { retentionMs: 60 * 86_400_000 }, { expression: '0 3 1 * *', zone: 'UTC' }, at(now))

test('at least two of the schedule’s longest windows, on whatever day it is asked', () => {
  for (const now of ['2026-03-01T03:00:05Z', '2026-04-01T03:00:05Z', '2026-05-01T03:00:05Z']) {
    expect(() => read60(now)).toThrow(/^--retention 60d is too short\. It must be at least 62d, which is two windows/)
  }
})
