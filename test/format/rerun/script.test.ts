import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { EMPTY_TASK_RECORD } from '../../../src/core/task/task-record.ts'
import type { EcsFacts, StoredRow } from '../../../src/core/types.ts'
import { type RerunScript, scriptLines } from '../../../src/format/rerun/script.ts'
import { shownSlot } from '../../../src/format/slot/show.ts'
import { FAILED, judgedAt, NOW, ON_ECS, pending, rowOn, rowWith, SUCCEEDED } from '../../support/rows.ts'
import { overridesIn } from '../../verdict/pasted.ts'

// On a terminal, zsh does not know comments.
const SHELLS = [['/bin/sh'], ['/bin/bash', '--norc'], ['/usr/bin/zsh', '-f', '-i']].filter(([path = '']) =>
  existsSync(path),
)
const HOUR_MS = 3_600_000
const SLOT = Date.parse('2026-11-24T03:00:00Z')
const NETWORK = '{"awsvpcConfiguration":{"subnets":["subnet-1"],"assignPublicIp":"DISABLED"}}'

function slotOf(
  task: string,
  hour: number,
  place: EcsFacts | null = null,
  row: StoredRow | null = null,
  lateAfterMs?: number,
) {
  const slot = SLOT + hour * HOUR_MS
  const schedules = [{ since: SLOT - HOUR_MS, spec: { expression: '@hourly', zone: 'UTC' } }]
  const record = { ...EMPTY_TASK_RECORD, schedules, place: place && { ...place, network: NETWORK } }
  const own = row && ({ ...row, task, slot } as StoredRow)
  return shownSlot(
    judgedAt(NOW + 12 * HOUR_MS, own, { record, task, slot, ...(lateAfterMs && { lateAfterMs }) }),
    'file:a.db',
  )
}

const script = (more: Partial<RerunScript> = {}) =>
  scriptLines({
    ...{
      store: 'file:a.db',
      slots: [],
      leftOut: [],
      doubts: new Map(),
      upstreams: new Map(),
      reason: "it's late",
      by: 'ada',
    },
    ...{ only: ['missed', 'failed'], keepGoing: false, batch: null },
    ...more,
  })

const commandsIn = (lines: readonly string[]) =>
  lines.flatMap((line) => /^ {2}(?:run_task '|cronledger rerun).*/.exec(line) ?? [])
const failed = rowWith({ ending: FAILED })

test('the script that runs slots again is one command for each slot on ECS, and one for each task elsewhere, all in the order of their slots', () => {
  const slots = [slotOf('a', 2, ON_ECS), slotOf('b', 1), slotOf('b', 3), slotOf('a', 0, ON_ECS)]
  const commands = commandsIn(script({ slots }))
  expect(commands.map((line) => /run_task '(\S+ \S+)'|--task (\S+)/.exec(line)?.slice(1).join(''))).toEqual([
    ...['a 2026-11-24T03:00:00Z', 'b', 'a 2026-11-24T05:00:00Z'],
  ])
  expect(commands[1]).toBe(
    `  cronledger rerun --store file:a.db --task b --from 2026-11-24T04:00:00Z --to 2026-11-24T06:00:01Z --only missed,failed --reason 'it'"'"'s late' --by ada -- YOUR_COMMAND || exit`,
  )
})

test('the script that runs slots again has the commands of ECS whole: the reason, the operator and the network', () => {
  const lines = script({ slots: [slotOf('a', 0, ON_ECS)] })
  expect(lines.join('\n')).not.toMatch(/YOUR|\$USER/)
  const [command = ''] = commandsIn(lines)
  const { environment } = overridesIn(command.replace(/ \|\| exit/, ''))
  expect(environment).toEqual({
    CRONLEDGER_FORCE_SLOT: '2026-11-24T03:00:00Z',
    CRONLEDGER_REASON: "it's late",
    CRONLEDGER_BY: 'ada',
  })
  expect(command).toContain(`--network-configuration '${NETWORK}'`)
})

test('the script that runs slots again begins with the tasks for which no work was done, and says what may be half done', () => {
  const lines = script({
    slots: [slotOf('a', 0, ON_ECS, rowOn(ON_ECS, failed)), slotOf('a', 1, ON_ECS), slotOf('b', 2, ON_ECS)],
  })
  expect(commandsIn(lines).map((line) => /run_task '(\S+)/.exec(line)?.[1])).toEqual(['b', 'a', 'a'])
  expect(lines.join('\n')).toMatch(
    /# a .* failed \(exit code 3\).*\(work: may be half done\)\n {2}# {3}check its log first: +aws logs tail/,
  )
})

test('the script that runs slots again has a task that comes after others of the script after them, in a chain too, and a circle is no problem', () => {
  const upstreams = new Map([
    ['a', ['b', 'gone', 'self']],
    ['b', ['c']],
  ])
  const slots = [slotOf('a', 0), slotOf('a', 1), slotOf('b', 1), slotOf('c', 1), slotOf('d', 2)]
  const order = (more: Partial<RerunScript>) =>
    commandsIn(script({ slots, ...more })).map((line) => /--task (\S+)/.exec(line)?.[1])
  expect(order({ upstreams })).toEqual(['c', 'd', 'b', 'a'])
  expect(order({})).toEqual(['a', 'b', 'c', 'd'])
  expect(order({ upstreams: new Map([...upstreams, ['c', ['a']]]) })).toHaveLength(4)
})

test('the script that runs slots again waits for no other task: what a slot comes after is run before it, or has failed', () => {
  const upstreams = new Map([['a', ['b']]])
  const ofA = (more: Partial<RerunScript>) =>
    commandsIn(script({ upstreams, ...more })).find((line) => /--task a|run_task 'a/.test(line))
  expect(ofA({ slots: [slotOf('a', 0), slotOf('b', 0)] })).toContain('--after-timeout 0s')
  expect(ofA({ slots: [slotOf('a', 0), slotOf('b', 0)], upstreams: new Map() })).not.toContain('after-timeout')
  const command = ofA({ slots: [slotOf('a', 0, ON_ECS)] })
  expect(overridesIn(command?.replace(/ \|\| exit/, '') ?? '').environment).toMatchObject({
    CRONLEDGER_AFTER_TIMEOUT: '0s',
  })
})

test('the script that runs slots again leaves out what is stale, and says what to do with it, and what may not have been due', () => {
  const leftOut = [slotOf('a', 0, null, pending(rowWith({})))]
  const lines = script({ slots: [slotOf('a', 1)], leftOut, doubts: new Map([['b', ['doubtful', 'staleInRange']]]) })
  const left = lines.slice(lines.indexOf(') </dev/null') + 1, -1)
  expect(left.every((line) => line.startsWith('# '))).toBe(true)
  expect(left.join('\n')).toMatch(
    /Left out: 1 stale slot\. .* may still be running.*\n# a .*\n[\s\S]*cronledger resolve/,
  )
  expect(left.at(-1)).toBe(
    '# Left out: 2 slots of b that may not have been due, or that failed with a stale slot in range. See: cronledger check b',
  )
  expect(script({ leftOut })[0]).toBe('# Nothing to run.')
  // A person must look at what is unusual, before anything runs, and no command of the script settles it.
  const late = [slotOf('a', 0, null, rowWith({ ending: SUCCEEDED }), 1)]
  const lines2 = script({ slots: [slotOf('a', 1)], leftOut: late })
  const first = lines2.slice(
    lines2.findIndex((line) => line.startsWith('# Look at these first: 1 slot')),
    lines2.indexOf('('),
  )
  expect(first.join('\n')).toMatch(/^# .*\n# a .* late\b[\s\S]*# {3}when you know why, settle it: +cronledger resolve/)
  expect(first.every((line) => line.startsWith('# '))).toBe(true)
})

test.each(SHELLS)(
  'pasted into %s %s, it ends with the first failure, or keeps going and ends with its exit code',
  (shell, ...flags) => {
    const folder = mkdtempSync(join(tmpdir(), 'cronledger-script-'))
    // The batch of c reads its input.
    writeFileSync(join(folder, 'cronledger'), '#!/bin/sh\necho "$5"; [ "$5" != c ] || cat; [ "$5" != b ] || exit 7\n', {
      mode: 0o755,
    })
    const slots = [slotOf('a', 0), slotOf('b', 1), slotOf('c', 2)]
    const leftOut = [slotOf('d', 0, null, pending(rowWith({})))]
    const run = (keepGoing: boolean) => {
      const input = `${script({ slots, leftOut, keepGoing, batch: ['true'] }).join('\n')}\n`
      const { stdout, status } = spawnSync(shell, flags, {
        input,
        encoding: 'utf8',
        env: { PATH: `${folder}:/bin:/usr/bin` },
      })
      return `${status} ${stdout}`
    }
    expect([run(false), run(true)]).toEqual(['7 a\nb\n', '7 a\nb\nc\n'])
    rmSync(folder, { recursive: true })
  },
)
