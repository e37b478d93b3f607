import { expect, test } from 'vitest'
import { optionName } from '../../src/core/option.ts'
import { expectationsOf, guardsOf, type RunSettings, readSettings, withOverlapLock } from '../../src/run/settings.ts'
import { SETTINGS } from '../../src/run/settings-table.ts'

test('the defaults of the design', () => {
  expect(readSettings({})).toMatchObject({
    maxAttempts: 1,
    leaseMs: 600_000,
    heartbeatMs: 60_000,
    killAfterMs: 20_000,
    skewMs: 30_000,
    stopTimeoutMs: 30_000,
    ledgerTimeoutMs: 30_000,
    finishTimeoutMs: 300_000,
    maxLatenessMs: null,
    onLeaseLost: 'continue',
  })
  expect(readSettings({ maxAttempts: 2 }).onLeaseLost).toBe('stop')
  // With one attempt no other run takes the slot over, but another slot may take the overlap lock.
  expect(readSettings({ overlap: 'skip' }).onLeaseLost).toBe('stop')
  expect(readSettings({ overlap: 'wait' }).onLeaseLost).toBe('stop')
})

// promise: lease-lost-continue
test('on-lease-lost continue cannot be given where another run may start then', () => {
  for (const settings of [{ maxAttempts: 3 }, { overlap: 'wait' }, { overlap: 'skip' }] as const) {
    const [[name, value] = []] = Object.entries(settings)
    expect(() => readSettings({ ...settings, onLeaseLost: 'continue' })).toThrow(
      `--on-lease-lost continue cannot be used with --${optionName(name ?? '')} ${value}, because another`,
    )
    expect(readSettings({ ...settings, onLeaseLost: 'stop' }).onLeaseLost).toBe('stop')
  }
  expect(readSettings({ overlap: 'allow', maxAttempts: 1, onLeaseLost: 'continue' }).onLeaseLost).toBe('continue')
})

test('runs with a range do not overlap: they wait, or skip, and nothing else can be given', () => {
  const ranged = { sinceLastSuccess: true, overlapTimeoutMs: 60_000 } as const
  expect(readSettings(ranged)).toMatchObject({ overlap: 'wait', onLeaseLost: 'stop' })
  expect(readSettings({ sinceLastSuccess: true, overlap: 'skip' }).overlap).toBe('skip')
  for (const [given, name] of [
    [{ overlap: 'allow' }, '--overlap allow'],
    [{ onLeaseLost: 'continue' }, '--on-lease-lost continue'],
  ] as const)
    expect(() => readSettings({ sinceLastSuccess: true, ...given })).toThrow(
      `${name} cannot be used with --since-last-success`,
    )
})

test('a force of a task whose slots must not overlap cannot outlive its lease, and the error says so', () => {
  const settings = readSettings({ onLeaseLost: 'continue' })
  expect(() => withOverlapLock(settings, { onLeaseLost: 'continue' })).toThrow(
    /cannot be used here, because the runs of this task have an overlap setting/,
  )
  expect(withOverlapLock(readSettings({}), {})).toMatchObject({ overlap: 'skip', onLeaseLost: 'stop' })
})

test('a run hands on the settings that keep runs apart, unless they have their defaults', () => {
  const guards = (settings: RunSettings) => guardsOf(readSettings(settings))
  expect(guards({})).toEqual({})
  expect(guards({ overlap: 'skip' })).toEqual({ overlap: 'skip' })
  expect(guards({ maxAttempts: 2 })).toEqual({ onLeaseLost: 'stop' })
  expect(guards({ skewMs: 5_000 })).toEqual({ skewMs: 5_000 })
})

test('a run states its skew for the commands that judge its slots, unless it has the default', () => {
  expect(expectationsOf(readSettings({ skewMs: 5_000 }))).toEqual({ skewMs: 5_000 })
  expect(expectationsOf(readSettings({}))).toEqual({})
})

test.each<[RunSettings, string]>([
  [{ retryDelayMs: 1_000 }, '--retry-delay requires --max-attempts 2 or more'],
  [{ retryBackoff: 2 }, '--retry-backoff requires --retry-delay.'],
  [{ overlapTimeoutMs: 60_000 }, '--overlap-timeout requires --overlap wait, but --overlap is allow.'],
])('%j is refused, because it would have no effect', (settings, message) => {
  expect(() => readSettings(settings)).toThrow(message)
})

test('the lease covers three heartbeats, the skew and the kill', () => {
  const tight = { heartbeatMs: 10_000, skewMs: 30_000, killAfterMs: 20_000 }
  expect(readSettings({ ...tight, leaseMs: 80_000 }).leaseMs).toBe(80_000)
  expect(() => readSettings({ ...tight, leaseMs: 79_999 })).toThrow(
    '--lease 79.999s is too short: the run must be able to miss some heartbeats, and then stop its batch in time. Use at least 80s, which is 3 times --heartbeat (10s) + --skew (30s) + --kill-after (20s), or make one of these shorter.',
  )
})

test('the finish is over when half of a short lease is', () => {
  const short = { leaseMs: 60_000, heartbeatMs: 1_000, skewMs: 0, killAfterMs: 1_000 }
  expect(readSettings(short).finishTimeoutMs).toBe(30_000)
  expect(readSettings({ leaseMs: 3_600_000 }).finishTimeoutMs).toBe(300_000)
})

for (const [name, spec] of Object.entries(SETTINGS)) {
  if (!('bounds' in spec)) continue
  const [min, max] = spec.bounds
  test(`${optionName(name)} is refused outside them`, () => {
    for (const value of [min - 1, max + 1, min + 0.5, Number.NaN]) {
      const settings: RunSettings = { [name]: value }
      expect(() => readSettings(settings)).toThrow(new RegExp(`^--${optionName(name)} .* is not allowed\\. Use `))
      expect(() => readSettings(settings)).toThrow(expect.objectContaining({ kind: 'usage' }))
    }
  })
}

test('an owner that cannot be shown is refused before anything runs', () => {
  expect(readSettings({ owner: 'the data team' }).owner).toBe('the data team')
  expect(() => readSettings({ owner: '<owner>' })).toThrow(/owner is still the placeholder/)
  // A program in JavaScript may give any value.
  expect(() => readSettings({ owner: 7 as unknown as string })).toThrow('owner is not a text. Use a text.')
})
