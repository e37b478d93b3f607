import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
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
      usualMs: new Map(),
      reason: "it's late",
      by: 'ada',
    },
    ...{ only: ['missed', 'failed'], isNamed: false, keepGoing: false, jobs: 1, batch: null },
    ...more,
  })

/** The commands of the functions. */
const commandsIn = (lines: readonly string[]) =>
  lines.flatMap((line) => /^ {4}((?:setsid cronledger rerun|run_task) .*)/.exec(line)?.[1] ?? [])
/** The slots in their order: `1 '' a 03`. */
const orderOf = (lines: readonly string[]) =>
  lines.flatMap((line) => /^ +slot (\d+ '.*') (\S+) \S+T(\d\d):/.exec(line)?.slice(1).join(' ') ?? [])
const failed = rowWith({ ending: FAILED })

describe('the script that runs slots again', () => {
  test('the script has a command for each task, and the slots of all tasks in their order, the oldest first', () => {
    const slots = [slotOf('a', 2, ON_ECS), slotOf('b', 1), slotOf('b', 3), slotOf('a', 0, ON_ECS)]
    const lines = script({ slots })
    expect(orderOf(lines)).toEqual(["1 '' a 03", "2 '' b 04", "1 '' a 05", "2 '' b 06"])
    const [, command, ...others] = commandsIn(lines)
    expect(others).toEqual([])
    expect(command).toBe(
      `setsid cronledger rerun --store file:a.db --task b --slot "$1" --only missed,failed --reason 'it'"'"'s late' --by ada -- YOUR_COMMAND`,
    )
  })

  test('the script has the commands of ECS whole: the reason, the operator and the network', () => {
    const lines = script({ slots: [slotOf('a', 0, ON_ECS)] })
    expect(lines.join('\n')).not.toMatch(/YOUR|\$USER/)
    const [command = ''] = commandsIn(lines)
    const { environment } = overridesIn(command)
    expect(environment).toEqual({
      CRONLEDGER_FORCE_SLOT: '',
      CRONLEDGER_REASON: "it's late",
      CRONLEDGER_BY: 'ada',
    })
    expect(command).toContain(`"CRONLEDGER_FORCE_SLOT","value":"'"$1"'"`)
    expect(command).toContain(`--network-configuration '${NETWORK}'`)
  })

  test('the script has a command of its own for a slot that needs another one: one that completed before', () => {
    const repeated = rowWith({ ending: SUCCEEDED }, { ending: FAILED })
    const lines = script({ slots: [slotOf('a', 0, ON_ECS), slotOf('a', 1, ON_ECS, rowOn(ON_ECS, repeated))] })
    const [first = '', second = ''] = commandsIn(lines)
    expect([first, second].map((one) => overridesIn(one).environment['CRONLEDGER_FORCE_ONLY'])).toEqual([
      ...[undefined, 'completed'],
    ])
    expect(lines).toContain("  slot 1 '' a 2026-11-24T04:00:00Z '2026-11-24 04:00 UTC' run_1_1")
  })

  test('the script begins with the tasks for which no work was done, and says what may be half done', () => {
    const lines = script({
      slots: [slotOf('a', 0, ON_ECS, rowOn(ON_ECS, failed)), slotOf('a', 1, ON_ECS), slotOf('b', 2, ON_ECS)],
    })
    expect(orderOf(lines)).toEqual(["1 '' b 05", "2 '' a 03", "2 '' a 04"])
    expect(lines.join('\n')).toMatch(
      /# a .* failed \(exit code 3\).*\(work: may be half done\)\n {2}# {3}check its log first: +aws logs tail/,
    )
  })

  test('the script has a task that comes after others of the script after them, in a chain too, and a circle is no problem', () => {
    const upstreams = new Map([
      ['a', ['b', 'gone', 'self']],
      ['b', ['c']],
    ])
    const slots = [slotOf('a', 0), slotOf('a', 1), slotOf('b', 1), slotOf('c', 1), slotOf('d', 2)]
    const order = (more: Partial<RerunScript>) => orderOf(script({ slots, ...more }))
    expect(order({ upstreams })).toEqual(["1 '' c 04", "2 '' d 05", "3 '4' a 03", "4 '1' b 04", "3 '4' a 04"])
    expect(order({})).toEqual(["1 '' a 03", "1 '' a 04", "2 '' b 04", "3 '' c 04", "4 '' d 05"])
    expect(order({ upstreams: new Map([...upstreams, ['c', ['a']]]) })).toHaveLength(5)
  })

  test('the script waits for no other task: what a slot comes after is run before it, or has failed', () => {
    const upstreams = new Map([['a', ['b']]])
    const ofA = (more: Partial<RerunScript>) =>
      commandsIn(script({ upstreams, ...more })).find((line) => /--task a |run_task/.test(line)) ?? ''
    expect(ofA({ slots: [slotOf('a', 0), slotOf('b', 0)] })).toContain('--after-timeout 0s')
    expect(ofA({ slots: [slotOf('a', 0), slotOf('b', 0)], upstreams: new Map() })).not.toContain('after-timeout')
    expect(overridesIn(ofA({ slots: [slotOf('a', 0, ON_ECS)] })).environment).toMatchObject({
      CRONLEDGER_AFTER_TIMEOUT: '0s',
    })
  })

  test('the script says how many slots, of how many tasks and owners, and about how long: as the tasks wait for each other', () => {
    const slots = [slotOf('a', 0), slotOf('a', 1), slotOf('b', 1), slotOf('c', 1)]
    const usualMs = new Map([
      ['a', 60_000],
      ['b', 600_000],
      ['c', 20_000],
    ])
    const head = (more: Partial<RerunScript>) => script({ slots, usualMs, ...more })[2]
    expect(head({})).toBe(
      '# 4 slots of 3 tasks, one after the other, the oldest first. They usually take about 12m 20s.',
    )
    expect(head({ jobs: 3 })).toBe('# 4 slots of 3 tasks, 3 tasks side by side. They usually take about 10m 0s.')
    expect(head({ jobs: 3, upstreams: new Map([['c', ['b']]]) })).toMatch(/about 10m 20s\.$/)
    expect(head({ usualMs: new Map([['a', 60_000]]) })).toMatch(/about 2m 0s, without 2 tasks of which/)
    const owned = { ...slotOf('a', 0), owner: 'Payments' }
    expect(head({ slots: [owned], usualMs: new Map() })).toBe(
      '# 1 slot of 1 task of 1 owner. How long they usually take is not known.',
    )
  })

  test('the script leaves out what is stale, and says what to do with it, and what may not have been due', () => {
    const leftOut = [slotOf('a', 0, null, pending(rowWith({})))]
    const lines = script({ slots: [slotOf('a', 1)], leftOut, doubts: new Map([['b', ['doubtful', 'stale']]]) })
    const left = lines.slice(lines.indexOf('} </dev/null') + 1, -1)
    expect(left.every((line) => line.startsWith('# '))).toBe(true)
    expect(left.join('\n')).toMatch(
      /Left out: 1 stale slot\. .* may still be running.*\n# a .*\n[\s\S]*cronledger resolve/,
    )
    expect(left.at(-1)).toBe(
      '# Left out: 2 slots of b that may not have been due, or that would do the work of a stale slot, too. See: cronledger check b',
    )
    expect(script({ leftOut })[0]).toBe('# Nothing to run.')
    // A person must look at what is unusual, before anything runs, and no command of the script settles it.
    const late = [slotOf('a', 0, null, rowWith({ ending: SUCCEEDED }), 1)]
    const lines2 = script({ slots: [slotOf('a', 1)], leftOut: late })
    const first = lines2.slice(
      lines2.findIndex((line) => line.startsWith('# Look at these first: 1 completed slot')),
      lines2.indexOf('{'),
    )
    expect(first.join('\n')).toMatch(
      /^# .*\n# a .* late\b[\s\S]*# {3}when you know why, settle it: +cronledger resolve/,
    )
    expect(first.every((line) => line.startsWith('# '))).toBe(true)
  })

  test.each(SHELLS)('the script pasted into %s %s ends with the exit code of the first failure', (shell, ...flags) => {
    const folder = mkdtempSync(join(tmpdir(), 'cronledger-script-'))
    // The batch of c reads its input.
    const batch = '#!/bin/sh\necho "$5"; [ "$5" != c ] || cat; [ "$5" != b ] || exit 7\n'
    writeFileSync(join(folder, 'cronledger'), batch, { mode: 0o755 })
    const slots = [slotOf('a', 0), slotOf('b', 1), slotOf('b', 2), slotOf('c', 3)]
    const leftOut = [slotOf('d', 0, null, pending(rowWith({})))]
    const run = (more: Partial<RerunScript>) => {
      const input = `${script({ slots, leftOut, batch: ['true'], ...more }).join('\n')}\n`
      const env = { PATH: `${folder}:/bin:/usr/bin` }
      const { stdout, status } = spawnSync(shell, flags, { input, encoding: 'utf8', env })
      return `${status} ${stdout.split('\n').sort().join('')}`
    }
    for (const jobs of [1, 3]) expect(run({ jobs })).toBe('7 abc')
    for (const jobs of [1, 3]) expect(run({ jobs, keepGoing: true })).toBe('7 abbc')
    rmSync(folder, { recursive: true })
  })
})
