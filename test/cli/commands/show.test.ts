import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { cronledger, NIGHTLY, scratch } from '../../support/cli.ts'

const folder = scratch()
let ledgers = 0

/** A ledger in which the slot of 24 November, 03:00 in Tokyo, ran and rejected a duplicate. */
async function ledger() {
  const store = `file:${join(folder, `ledger-${++ledgers}.db`)}`
  const run = (eventTime: string) =>
    cronledger([
      ...['run', '--store', store, ...NIGHTLY, '--timezone', 'Asia/Tokyo'],
      ...['--event-time', eventTime, '--', 'true'],
    ])
  for (let tries = 0; tries < 2; tries += 1) await run('2025-11-23T18:00:00Z')
  const show = (...args: readonly string[]) => cronledger(['show', '--store', store, '--task', 'nightly', ...args])
  return { store, run, show }
}

describe('show', () => {
  test('a slot as a timeline, and as JSON', async () => {
    const { show } = await ledger()
    const { code, stdout, stderr } = await show('--slot', '2025-11-23T18:00:00Z')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^nightly 2025-11-23T18:00:00Z\n {2}status +completed\n/)
    expect(stdout).toMatch(/schedule +0 3 \* \* \* \(Asia\/Tokyo\), zone data/)
    expect(stdout).toMatch(/attempt 1 started .*\n.*attempt 1 succeeded .*\n.*duplicate trigger ignored \(completed\) /)

    const row = JSON.parse((await show('--slot', '2025-11-23T18:00:00Z', '--json')).stdout)
    expect(row).toMatchObject({
      ...{ schemaVersion: 2, slot: '2025-11-23T18:00:00Z', status: 'completed', state: 'COMPLETED', leaseUntil: null },
    })
    expect(row.rejections).toMatchObject({ count: 1, first: [{ cause: 'completed' }] })
  })

  test.each([['2025-11-24'], ['2025-11-24T03:00'], ['2025-11-24T03:00:00+09:00']])(
    'finds the slot by %s',
    async (slot) => {
      const { show } = await ledger()
      expect(await show('--slot', slot)).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^nightly 2025-11-23T18:00:00Z\n/),
      })
    },
  )

  test('a slot that may not have been due is a doubt, and its first step is not to run it', async () => {
    const store = `file:${join(folder, `ledger-${++ledgers}.db`)}`
    const run = (schedule: string, eventTime: string) =>
      cronledger([
        ...['run', '--store', store, '--task', 'moved', '--schedule', schedule],
        ...['--event-time', eventTime, '--', 'true'],
      ])
    const show = (slot: string) => cronledger(['show', '--store', store, '--task', 'moved', '--slot', slot])
    for (const day of ['22', '23', '24']) expect((await run('0 3 * * *', `2025-11-${day}T03:00:00Z`)).code).toBe(0)
    expect((await run('0 5 * * *', '2025-11-26T05:00:00Z')).code).toBe(0)
    const replaced = await show('2025-11-26T03:00:00Z')
    expect(replaced).toMatchObject({ code: 1, stderr: '' })
    expect(replaced.stdout).toContain(
      'may not have been due: the schedule changed between 2025-11-24 03:00:00 and 2025-11-26 05:00:00',
    )
    expect(replaced.stdout).toMatch(/mark it as skipped, if it was not due: .*\n.* or run it now: /)
    expect((await show('2025-11-25T05:00:00Z')).stdout).toContain('may not have been due')
    expect((await run('0 5 * * *', '2025-11-28T05:00:00Z')).code).toBe(0)
    expect((await run('0 7 * * 0', '2025-11-30T07:00:00Z')).code).toBe(0)
    // The run of the 28th proves that the slot of the 27th was due.
    expect((await show('2025-11-27T05:00:00Z')).stdout).toMatch(/status +missed/)
    expect((await show('2025-11-27T05:00:00Z')).stdout).not.toContain('may not have been due')
    expect((await show('2025-11-29T05:00:00Z')).stdout).toContain('may not have been due')
  })

  test('latest is the newest slot that is due, row or not', async () => {
    const { show, run } = await ledger()
    // It is also the slot if none is given.
    const missing = await show()
    expect(missing).toMatchObject({ code: 1, stderr: '' })
    expect(missing.stdout).toMatch(
      /^nightly 20\d\d-\d\d-\d\dT18:00:00Z\n +status +(missed|due)\n +happened +was due .* ago, no run /,
    )
    await run(new Date().toISOString())
    expect(await show('--slot', 'latest')).toMatchObject({ code: 0, stderr: '' })
  })

  test('the slot of the schedule that was in force then, regardless of the schedule of the newest row', async () => {
    const { show, store, run } = await ledger()
    const at5 = ['--store', store, '--task', 'nightly', '--schedule', '0 5 * * *', '--timezone', 'America/New_York']
    await cronledger(['run', ...at5, '--event-time', '2025-11-26T10:00:00Z', '--', 'true'])
    expect(await show('--slot', '2025-11-24')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^nightly 2025-11-23T18:00:00Z\n/),
    })
    expect(await show('--slot', '2025-11-26T05:00')).toMatchObject({
      stdout: expect.stringMatching(/25-11-26T10:00:00Z/),
    })
    // A row of the old schedule, newer than all others: an operator has resolved a future slot.
    const old = ['--store', store, ...NIGHTLY, '--timezone', 'Asia/Tokyo']
    const coming = new Date(Date.now() + 5 * 86_400_000).toISOString().slice(0, 10)
    await cronledger(['resolve', ...old, '--slot', coming, '--state', 'skipped', '--reason', 'holiday'])
    expect((await show('--slot', 'latest')).stdout).toMatch(/nightly .*T(09|10):00:00Z\n +status +(missed|due)/)
    const date = [
      'history',
      '--store',
      store,
      '--task',
      'nightly',
      '--since',
      '2025-11-26',
      '--until',
      '2025-11-26',
      '--status',
      'recorded',
    ]
    await run('2025-11-25T18:00:00Z')
    expect(JSON.parse((await cronledger([...date, '--json'])).stdout)).toMatchObject([{ slot: '2025-11-26T10:00:00Z' }])
  })

  test('by the newest row of a task without a record', async () => {
    const { store } = await ledger()
    const other = ['--store', store, '--task', 'other']
    const force = ['--force-slot', '2025-11-24', '--reason', 'backfill', '--schedule', '0 3 * * *']
    await cronledger(['run', ...other, ...force, '--timezone', 'Asia/Tokyo', '--', 'true'])
    const { stdout } = await cronledger(['show', ...other, '--slot', '2025-11-24'])
    expect(stdout).toMatch(/^other 2025-11-23T18:00:00Z\n/)
  })

  test('a slot without a row: exit code 1, and what the schedule says of it, on stdout', async () => {
    const { show, store } = await ledger()
    const absent = async (slot: string, ...more: readonly string[]) => {
      const { code, stdout, stderr } = await show('--slot', slot, ...more)
      expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
      return stdout
    }
    const slot = `--store ${store} --task nightly --slot 2025-11-24T18:00:00Z`
    const commands = [
      `cronledger rerun ${slot} --reason 'YOUR REASON' -- YOUR_COMMAND`,
      `cronledger resolve ${slot} --state completed --reason 'YOUR REASON'`,
    ]
    const text = await absent('2025-11-24T18:00:00Z')
    expect(text).toMatch(
      /^nightly 2025-11-24T18:00:00Z\n +status +missed\n +happened +was due .* ago, no run is recorded\n/,
    )
    expect(text).toMatch(/local time +2025-11-25 03:00 Asia\/Tokyo\n/)
    for (const command of commands) expect(text).toContain(`:  ${command}\n`.slice(1))
    expect(JSON.parse(await absent('2025-11-24T18:00:00Z', '--json'))).toMatchObject({
      ...{ status: 'missed', state: null, slot: '2025-11-24T18:00:00Z', schedule: '0 3 * * *', zone: 'Asia/Tokyo' },
      ...{ work: 'not done', nextTrigger: 'starts', steps: commands.map((command) => ({ command })) },
    })
    expect(await absent('2099-11-24T18:00:00Z')).toMatch(/status +scheduled\n +happened +is due in \d+d \d+h\n/)
    const notExpected = (happened: string) =>
      expect.stringMatching(new RegExp(`status +not expected\\n +happened +was not expected to run${happened}\\n`))
    expect(await absent('2025-11-23T18:00:00.500Z')).toEqual(notExpected(', no run is recorded'))
    expect(await absent('2025-11-22T18:00:00Z')).toEqual(
      notExpected(': it is before the first recorded slot, 2025-11-24 03:00:00'),
    )
  })

  test.each(['2025-11-24', '2025-11-24T18:00:00Z', 'latest'])(
    'an unknown task, slot %s: the nearest task',
    async (slot) => {
      const { store } = await ledger()
      const other = await cronledger(['show', '--store', store, '--task', 'nigthly', '--slot', slot])
      expect(other).toMatchObject({
        ...{ code: 64, stdout: '', stderr: 'cronledger: unknown task: nigthly. Did you mean nightly?\n' },
      })
    },
  )

  test.each([
    [['--slot', 'tomorrow'], /slot "tomorrow" is not valid. Use an instant .*, a local time .*, a date .*, or latest/],
    [['--slot', '2025-11-24T04:00'], /is not a slot of 0 3 \* \* \* in Asia\/Tokyo. The nearest slots are/],
    [['--slot', '2025-02-30'], /is not a valid date/],
  ])('%j is a usage error', async (args, message) => {
    const { show } = await ledger()
    expect(await show(...args)).toMatchObject({ code: 64, stdout: '', stderr: expect.stringMatching(message) })
  })
})
