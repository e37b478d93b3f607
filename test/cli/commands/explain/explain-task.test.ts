// What `explain` says of a task that the ledger knows. What it says of a schedule is in explain.test.ts.
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { EMPTY_TASK_RECORD } from '../../../../src/core/task/task-record.ts'
import { writeRecord } from '../../../../src/run/task/task-record.ts'
import { openFileStore } from '../../../../src/store/file/file-store.ts'
import { cronledger, type Loose, scratch } from '../../../support/cli.ts'

const folder = scratch()
let count = 0

const TOKYO = ['--schedule', '0 3 * * *', '--timezone', 'Asia/Tokyo']
const MOVED = ['--schedule', '30 4 * * *', '--timezone', 'Asia/Tokyo']
const FORCE = ['--force-slot', '2026-01-06', '--reason', 'by hand', '--', 'true']
const BY_ADA = ['--by', 'ada', '--reason', 'database upgrade']

function ledger() {
  const path = join(folder, `ledger-${++count}.db`)
  const env: Readonly<Record<string, string>> = {
    CRONLEDGER_STORE: `file:${path}`,
    CRONLEDGER_LOG: 'json',
  }
  const call = async (...args: string[]) => {
    const ended = await cronledger(args, { env })
    expect({ args, code: ended.code, stderr: ended.stderr }).toMatchObject({ code: 0 })
    return ended
  }
  return {
    path,
    env,
    call,
    run: (eventTime: string, schedule: readonly string[] = TOKYO) =>
      call('run', '--task', 'nightly', ...schedule, '--event-time', eventTime, '--', 'true'),
    fails: (...args: string[]) => cronledger(['explain', ...args], { env }),
    /** The text on one line, without the indents by which it is wrapped. */
    text: async (...args: string[]) => (await call('explain', 'nightly', ...args)).stdout.replace(/\n {11}/g, ' '),
    json: async (...args: string[]): Promise<Loose> =>
      JSON.parse((await call('explain', 'nightly', '--json', ...args)).stdout),
  }
}

describe('the schedule of a task', () => {
  test('is the recorded one that was in force at the slot of --at', async () => {
    const { run, text, json } = ledger()
    await run('2026-01-05T18:00:05Z')
    await run('2026-01-07T19:30:05Z', MOVED)
    const expressionAt = async (...at: string[]) => (await json(...at))['schedule'].expression
    expect(await expressionAt()).toBe('30 4 * * *')
    expect(await expressionAt('--at', '2026-01-08T04:30')).toBe('30 4 * * *')
    // The new schedule has a slot a day before, but it was not yet in force there.
    expect(await expressionAt('--at', '2026-01-08T04:29')).toBe('0 3 * * *')
    // By the tolerance, this time belongs to the first slot of the new schedule.
    expect(await expressionAt('--at', '2026-01-07T19:29:50Z')).toBe('30 4 * * *')
    expect(await expressionAt('--at', '2025-01-01')).toBe('0 3 * * *')
    expect(await text('--at', '2026-01-07')).toMatch(
      /^recorded {3}in force since 2026-01-06 03:00 JST \(2026-01-05T18:00:00Z\), replaced by another schedule at 2026-01-08 04:30 JST \(2026-01-07T19:30:00Z\)$/m,
    )
    expect(await text()).toMatch(/^recorded {3}in force since 2026-01-08 04:30 JST \(2026-01-07T19:30:00Z\)$/m)
    expect((await json('--at', '2026-01-07'))['taskRecord'].inForce).toEqual({
      since: '2026-01-05T18:00:00Z',
      until: '2026-01-07T19:30:00Z',
    })
  })

  test('is that of a forced run, if it was the first one of the task', async () => {
    const { call, json } = ledger()
    await call('run', '--task', 'nightly', ...TOKYO, ...FORCE)
    await call('pause', 'nightly', ...BY_ADA)
    expect(await json('--at', '2026-01-08')).toMatchObject({
      schedule: { zone: 'Asia/Tokyo' },
      taskRecord: { paused: true, inForce: { since: '2026-01-05T18:00:00Z' } },
    })
  })

  test('is that of the newest row, if none is on record', async () => {
    const { path, call, text, json, fails } = ledger()
    await call('setup')
    // As after a forced run of an earlier version, which recorded only the name of the task.
    const store = openFileStore(path)
    await writeRecord('nightly', EMPTY_TASK_RECORD, 'absent', store, { signal: new AbortController().signal })
    store.close()
    await call('run', '--task', 'nightly', ...TOKYO, ...FORCE)
    await call('pause', 'nightly', ...BY_ADA)
    expect(await json('--at', '2026-01-08')).toMatchObject({
      schedule: { zone: 'Asia/Tokyo' },
      taskRecord: { paused: true, inForce: null },
    })
    expect(await text()).toMatch(/paused .*by ada/)
    expect(await fails('nigthly')).toMatchObject({ code: 64, stdout: '' })
  })
})

describe('the slot', () => {
  const at = (date: string) => ['--at', `${date}T03:00:05`, '--count', '2'] as const

  test('in a pause: who, until when and why, no trigger starts, and it is not missed', async () => {
    const { run, call, text, json } = ledger()
    await run('2026-01-05T18:00:05Z')
    await call('pause', 'nightly', ...BY_ADA, '--from', '2026-01-08')
    await call('resume', 'nightly', '--by', 'bob', '--from', '2026-01-10')
    const shown = await text(...at('2026-01-09'))
    expect(shown).toMatch(
      /^task {7}this slot is not expected, because of the pause from 2026-01-08 00:00 JST \(2026-01-07T15:00:00Z\) until 2026-01-10 00:00 JST \(2026-01-09T15:00:00Z\), by ada: database upgrade \(ended by bob: resumed\)\. Without a run, it is not missed\. A scheduled trigger for it starts nothing and exits with 0\. A forced run starts\.$/m,
    )
    expect(shown).toMatch(/^slot {7}2026-01-08T18:00:00Z .* {2}paused$/m)
    expect(shown).toMatch(/^next (?!.*paused)/m)
    expect(await json(...at('2026-01-09'))).toMatchObject({
      previous: [{ suspended: null }, { suspended: 'paused' }],
      next: [{ suspended: null }, { suspended: null }],
      taskRecord: {
        notExpected: {
          kind: 'pause',
          from: '2026-01-07T15:00:00Z',
          until: '2026-01-09T15:00:00Z',
          by: 'ada',
          reason: 'database upgrade',
          ended: { by: 'bob', reason: 'resumed' },
        },
        startsNothing: true,
        // The pause is over.
        paused: false,
        pauses: [],
      },
    })
    // As the explanation says, a late trigger starts nothing.
    const late = await run('2026-01-08T18:00:05Z')
    expect(JSON.parse(late.stderr)).toMatchObject({ event: 'paused' })
  })

  test('after a retirement: it is not missed, but a trigger still runs and ends the retirement', async () => {
    const { run, call, text, json } = ledger()
    await run('2026-01-05T18:00:05Z')
    await call('retire', 'nightly', '--by', 'eve', '--reason', 'removed.')
    const shown = await text(...at('2026-01-09'))
    expect(shown).toMatch(
      /^task {7}this slot is not expected, because of the retirement from 2026-01-07 03:00 JST \(2026-01-06T18:00:00Z\) on, by eve: removed\. Without a run, it is not missed\. A scheduled trigger for it still starts the batch, and ends the retirement\. A forced run starts\.$/m,
    )
    expect(shown).toMatch(/^next .* {2}retired\n/m)
    expect(await json(...at('2026-01-09'))).toMatchObject({
      taskRecord: { notExpected: { kind: 'retirement', until: null, by: 'eve' }, startsNothing: false, retired: true },
    })
    await run('2026-01-08T18:00:05Z')
    // The run has ended the retirement, so a trigger for an earlier slot of it has nothing to end.
    const revived = await text(...at('2026-01-08'))
    expect(revived).toMatch(
      /because of the retirement from .* \(ended by cronledger: .* A scheduled trigger for it still starts the batch\. A/,
    )
    expect(await text(...at('2026-01-09'))).toMatch(/^task {7}neither paused nor retired at this slot$/m)
  })

  test('with a reason that has control characters: they do not reach the terminal', async () => {
    const { run, call, text } = ledger()
    await run('2026-01-05T18:00:05Z')
    await call('pause', 'nightly', '--by', 'ada', '--reason', 'a\u001b[31mb', '--from', '2026-01-08')
    expect(await text(...at('2026-01-09'))).toContain('by ada: a\\u001b[31mb')
  })
})

describe('the ledger', () => {
  test('is not read for a task that only the environment names', async () => {
    const env = {
      CRONLEDGER_STORE: 'file:/nonexistent/ledger.db',
      CRONLEDGER_TASK: 'nightly',
      CRONLEDGER_SCHEDULE: '0 3 * * *',
    }
    const { code, stdout, stderr } = await cronledger(['explain', '--at', '2026-01-08'], { env })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^key {8}task nightly, slot /m)
    expect(stdout).not.toMatch(/^task /m)
  })

  test('is read for a task of a flag, or of an argument, also beside another task of the environment', async () => {
    const { run, env } = ledger()
    await run('2026-01-05T18:00:05Z')
    const other = { ...env, CRONLEDGER_TASK: 'other', CRONLEDGER_SCHEDULE: '@hourly' }
    for (const args of [['nightly'], ['--task', 'nightly']]) {
      const { stdout } = await cronledger(['explain', ...args, '--json'], { env: other })
      expect(JSON.parse(stdout)).toMatchObject({ schedule: { expression: '0 3 * * *' }, key: { task: 'nightly' } })
    }
  })

  test.each([
    [['nigthly'], 'unknown task: nigthly. Did you mean nightly?'],
    [['nightly', '--timezone', 'UTC'], '--timezone and a task cannot be used together, '],
    [['nightly', '--at', 'tomorrow'], '--at "tomorrow" is not a valid time'],
    [
      ['0 3 * * *'],
      'unexpected argument "0 3 * * *". It is not a task name. Put a schedule in quotes after --schedule.',
    ],
    [[...TOKYO, '--store', 'file:x'], '--store requires --task on the command line.'],
    [[...TOKYO, '--ledger-timeout', '1s'], '--ledger-timeout requires --task on the command line.'],
  ])('%j is one line and 64', async (args, message) => {
    const { run, fails } = ledger()
    await run('2026-01-05T18:00:05Z')
    const { code, stdout, stderr } = await fails(...args)
    expect({ code, stdout, stderr }).toEqual({ code: 64, stdout: '', stderr: expect.stringContaining(message) })
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })

  test('is required for a task on the command line', async () => {
    for (const args of [['nightly'], ['--task', 'nightly']]) {
      const { code, stderr } = await cronledger(['explain', ...args])
      expect({ code, stderr }).toEqual({ code: 64, stderr: expect.stringContaining('--store is missing.') })
    }
  })
})

test('what a run waits for that does all work since the last success, which is at most 31 days ago', async () => {
  const { call, json } = ledger()
  const run = (task: string, ...options: string[]) =>
    call('run', task, ...TOKYO, '--event-time', '2026-01-05T18:00:05Z', ...options, '--', 'true')
  await run('feed')
  await run('nightly', '--since-last-success', '--after', 'feed')
  const waitsAt = async (at: string) => {
    const [feed] = (await json('--at', at))['taskRecord'].waitsFor
    return feed.slots.map(({ slot }: Loose) => slot)
  }
  expect(await waitsAt('2026-01-08T03:00')).toEqual(['2026-01-06T18:00:00Z', '2026-01-07T18:00:00Z'])
  expect(await waitsAt('2026-03-01T03:00')).toEqual(['2026-02-28T18:00:00Z'])
})
