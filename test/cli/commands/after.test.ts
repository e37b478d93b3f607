import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { commandsFrom, type Loose, scratch } from '../../support/cli.ts'

const folder = scratch()
const SLOT = '2026-01-06T03:00:00Z'
const cronledger = commandsFrom('2026-01-06T09:00:00Z')

/** Three tasks of a night, each after the one before, and a file with what has run, in order. */
function night(name: string) {
  const ran = join(folder, `${name}.txt`)
  const env = { CRONLEDGER_STORE: `file:${join(folder, `${name}.db`)}`, CRONLEDGER_LOG: 'text' }
  const call = (...args: string[]) => cronledger(args, { env })
  const noWait = ['--after-timeout', '0s']
  const batch = (task: string, status = 0) => ['--', 'sh', '-c', `echo ${task} >> ${ran}; exit ${status}`]
  const run = (task: string, options: readonly string[] = [], status = 0) => {
    const slot = ['--schedule', '0 3 * * *', '--event-time', SLOT]
    return call('run', task, ...slot, ...noWait, ...options, ...batch(task, status))
  }
  const rerun = (task: string) => call('rerun', task, '--slot', SLOT, ...noWait, '--reason', 'new file', ...batch(task))
  return { call, run, rerun, ran: () => (existsSync(ran) ? readFileSync(ran, 'utf8').trim().split('\n') : []) }
}

// promise: after
test('a night of three tasks in a chain: the first one fails and is repaired in the morning', async () => {
  const { call, run, rerun, ran } = night('night')
  const extract = ['--after', 'self']
  expect(await run('extract', extract, 3)).toMatchObject({ code: 3 })
  const load = await run('load', ['--after', 'extract'])
  expect(load.code).toBe(65)
  expect(load.stderr).toMatch(
    /^cronledger: load 2026-01-06 03:00 UTC: not started: slot 03:00 of extract has not completed \(failed: attempt 1 on \S+ failed \(exit code 3\)/m,
  )
  expect(load.stderr).toContain(`cronledger rerun --store file:${folder}/night.db --task extract --slot ${SLOT}`)
  const report = await run('report', ['--after', 'load'])
  expect(report).toMatchObject({ code: 65 })
  expect(report.stderr).toContain('03:00 of load has not completed (failed: attempt 1 on')
  expect(report.stderr).toContain('was not started: it waited for slot 03:00 of extract)')
  expect(ran()).toEqual(['extract'])

  expect(report.stderr.match(/^ {2}[a-z ]+(?=:)/gm)).toEqual([
    ...[
      '  see what it waited for',
      '  then run this slot of load',
      '  or mark it as completed',
      '  then run this slot',
      '  guide',
    ],
  ])
  const checked = ['check', '--since', '2026-01-06', '--until', '2026-01-06']
  const { stdout } = await call(...checked, '--json', '--notify', `sh -c 'cat > ${folder}/digest.json'`)
  expect(JSON.parse(stdout).map(({ task, blockedBy }: Loose) => [task, blockedBy])).toEqual([
    ['extract', undefined],
    ['load', { task: 'extract', slot: SLOT }],
    ['report', { task: 'load', slot: SLOT }],
  ])
  // One problem, in a notification, too.
  const { problems } = JSON.parse(readFileSync(join(folder, 'digest.json'), 'utf8'))
  expect(problems).toMatchObject([
    { tasks: [{ task: 'extract' }, { task: 'load', waitsFor: 'extract' }, { task: 'report', waitsFor: 'load' }] },
  ])
  expect(await run('load', ['--ignore-after'])).toMatchObject({
    code: 64,
    stderr: expect.stringContaining('--force-slot'),
  })
  // Repeated in the wrong order, nothing runs.
  expect(await rerun('report')).toMatchObject({ code: 65 })
  for (const task of ['extract', 'load', 'report']) expect(await rerun(task)).toMatchObject({ code: 0 })
  expect(ran()).toEqual(['extract', 'extract', 'load', 'report'])
  expect(await run('report', ['--after', 'load'])).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('duplicate'),
  })
  expect(await call(...checked)).toMatchObject({ code: 0 })
})

// promise: after
test('a missed slot says what it comes after, before it is run: in show, check and the plan of a repair', async () => {
  const { call, rerun } = night('missed')
  const declared = ['--schedule', '0 3 * * *', '--from', '2026-01-05']
  await call('setup')
  await call('declare', 'extract', ...declared)
  await call('declare', 'load', ...declared, '--after', 'extract,self')
  const needs = 'It starts only if these have completed (--after): the slots of extract up to it, the slot before it.'
  for (const command of [
    ['show', 'load', '--slot', SLOT],
    ['check', 'load', '--since', '2026-01-06'],
    ['rerun', 'load', '--from', '2026-01-06', '--dry-run'],
  ]) {
    const { stdout } = await call(...command)
    expect(stdout.split(needs)).toHaveLength(2)
  }
  const plan = await call('rerun', '--all', '--from', '2026-01-06', '--dry-run', '--', 'true')
  expect(plan.stdout).toMatch(/^load .*, after extract 2026-01-06 03:00 UTC$/m)
  expect(plan.stdout).not.toContain(needs)
  expect((await rerun('load')).code).toBe(65)
})

test('in a new ledger, a force with --ignore-after needs no record of the tasks that it comes after', async () => {
  const { call } = night('new')
  const force = ['--force-slot', SLOT, '--status', 'missed', '--reason', 'new file', '--ignore-after']
  const run = ['run', 'load', '--schedule', '0 3 * * *', '--after', 'extract', ...force]
  expect(await call(...run, '--', 'echo', 'ran')).toMatchObject({ code: 0, stdout: 'ran\n' })
})

test('in a new ledger file, a run after its own previous slot starts, and so does a force', async () => {
  const scheduled = ['--schedule', '0 3 * * *', '--after', 'self', '--event-time', SLOT]
  const ran = await night('first').call('run', 'load', ...scheduled, '--', 'echo', 'ran')
  expect(ran).toMatchObject({ code: 0, stdout: 'ran\n' })
  const forced = ['--schedule', '0 3 * * *', '--force-slot', SLOT, '--status', 'missed', '--reason', 'new file']
  const again = await night('forced').call('run', 'load', ...forced, '--', 'echo', 'ran')
  expect(again).toMatchObject({ code: 0, stdout: 'ran\n' })
})

test('a first deployment in the wrong order is a usage error, and on record: check and show name the task that is not there', async () => {
  const { call } = night('first-deployment')
  const scheduled = ['--schedule', '0 3 * * *', '--event-time', SLOT]
  const run = await call('run', 'load', ...scheduled, '--after', 'extract', '--', 'echo', 'ran')
  expect(run).toMatchObject({
    code: 64,
    stdout: '',
    stderr: expect.stringContaining('task extract of --after is unknown'),
  })
  expect(await call('check', '--since', '2026-01-06', '--until', '2026-01-06T04:00Z')).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('it waited for slot 03:00 of extract'),
  })
  expect(await call('show', 'load', '--slot', SLOT)).toMatchObject({
    stdout: expect.stringMatching(/waited for slot .* of extract.*trigger refused/s),
  })
  expect(await call('run', 'extract', ...scheduled, '--', 'true')).toMatchObject({ code: 0 })
  expect(await call('run', 'load', ...scheduled, '--after', 'extract', '--', 'echo', 'ran')).toMatchObject({
    code: 0,
    stdout: 'ran\n',
  })
})
