import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { EMPTY_TASK_RECORD } from '../../../src/core/task/task-record.ts'
import { scriptLines } from '../../../src/format/rerun/script.ts'
import { shownSlot } from '../../../src/format/slot/show.ts'
import { judgedAt, NOW } from '../../support/rows.ts'

// The script in each shell that may be /bin/sh, with a stand-in for cronledger that writes what begins and ends.

const SHELLS = ['/usr/bin/dash', '/usr/bin/busybox', '/usr/bin/bash'].filter((path) => existsSync(path))
const SLOT = Date.parse('2026-11-24T03:00:00Z')
const SLOTS = ['a 0', 'a 1', 'a 2', 'b 0', 'b 1', 'c 0', 'd 0']

/** Of two tasks, each waits for the other to have begun: they end only if they run side by side. */
const BATCH = `#!/bin/sh
case "$1 $5" in
  'show '*) echo '  status        completed'; exit ;;
esac
echo "begin $5 $7" >>"$JOURNAL"
mkdir "$JOURNAL.$5" || exit 99
case "$5 $7 $SIDE_BY_SIDE" in
  'a '*T03*' yes') echo >"$MEETING" ;;
  'd '*T03*' yes') read -r _ <"$MEETING" ;;
esac
rmdir "$JOURNAL.$5"
echo "end $5 $7" >>"$JOURNAL"
case "$5 $7" in
  "$FAILING"*) exit "$CODE" ;;
esac
`

describe.each(SHELLS)('in %s', (shell) => {
  const folder = mkdtempSync(join(tmpdir(), 'cronledger-lanes-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'cronledger'), BATCH, { mode: 0o755 })
  symlinkSync(shell, join(folder, 'sh'))
  spawnSync('mkfifo', [join(folder, 'meeting')])

  const schedules = [{ since: SLOT, spec: { expression: '@hourly', zone: 'Asia/Tokyo' } }]
  const record = { ...EMPTY_TASK_RECORD, schedules }

  /** Task c comes after b. */
  function run(more: {
    jobs?: number
    keepGoing?: boolean
    failing?: string
    code?: number
    slots?: readonly string[]
  }) {
    const { jobs = 1, keepGoing = false, failing = 'none', code = 7, slots = SLOTS } = more
    const shown = slots.map((text) => {
      const [task = '', hour = ''] = text.split(' ')
      return shownSlot(judgedAt(NOW, null, { task, slot: SLOT + Number(hour) * 3_600_000, record }), 'file:a.db')
    })
    const found = { slots: shown, leftOut: [], doubts: new Map(), upstreams: new Map([['c', ['b']]]) }
    const script = scriptLines({
      ...{ ...found, store: 'file:a.db', usualMs: new Map(), reason: 'x', by: 'ada', only: ['missed'], isNamed: false },
      ...{ keepGoing, jobs, batch: ['true'] },
    }).join('\n')
    const journal = join(folder, 'journal')
    writeFileSync(journal, '')
    const env = {
      ...{ PATH: `${folder}:/usr/bin:/bin`, JOURNAL: journal, MEETING: join(folder, 'meeting') },
      ...{ FAILING: failing, CODE: String(code), SIDE_BY_SIDE: jobs > 1 && slots === SLOTS ? 'yes' : 'no' },
    }
    const { status, stderr } = spawnSync(join(folder, 'sh'), { input: script, encoding: 'utf8', env, timeout: 60_000 })
    const lines = readFileSync(journal, 'utf8').trim().split('\n')
    const ran = lines.flatMap((line) => /^end (.*):00:00Z/.exec(line)?.[1]?.replace('2026-11-24T0', '') ?? [])
    return { status, said: stderr.trimEnd().split('\n'), lines, ran }
  }

  test('one slot after the other, or lanes side by side: each slot once, those of one task in order, and after what they come after', () => {
    expect(run({}).ran).toEqual(['a 3', 'b 3', 'd 3', 'a 4', 'b 4', 'a 5', 'c 3'])
    const { status, ran, lines, said } = run({ jobs: 3 })
    expect([status, ran.toSorted()]).toEqual([0, ['a 3', 'a 4', 'a 5', 'b 3', 'b 4', 'c 3', 'd 3']])
    expect(ran.filter((one) => one.startsWith('a'))).toEqual(['a 3', 'a 4', 'a 5'])
    expect(ran.indexOf('b 4')).toBeLessThan(ran.indexOf('c 3'))
    expect(lines.filter((line) => line.startsWith('begin'))).toHaveLength(7)
    expect(said[0]).toMatch(/^7 slots of 4 tasks, 3 tasks side by side\. .* Ctrl-C starts nothing more/)
    expect(said.filter((line) => /: done \(\d left\)$/.test(line)).at(-1)).toMatch(/ \(0 left\)$/)
    expect(said.at(-1)).toBe('7 done, 0 failed, 0 not run.')
  })

  test.each([1, 3])('with %s at a time, a failure ends its task and what comes after it, and no other', (jobs) => {
    const failed = run({ jobs, failing: 'b 2026-11-24T03' })
    expect([failed.status, failed.ran.toSorted()]).toEqual([7, ['a 3', 'a 4', 'a 5', 'b 3', 'd 3']])
    // It says the local time of the slot, as the log of a run does.
    const at = failed.said.findIndex((line) => /^b 2026-11-24 12:00 JST: exit code 7 \(\d left\)$/.test(line))
    expect(failed.said[at + 1]).toBe(
      '  see what happened: cronledger show --store file:a.db --task b --slot 2026-11-24T03:00:00Z',
    )
    expect(failed.said.at(-1)).toBe('4 done, 1 failed, 2 not run. Run the same command again to continue.')
    const kept = run({ jobs, failing: 'b 2026-11-24T03', keepGoing: true })
    expect([kept.status, kept.said.at(-1)?.slice(0, 28)]).toEqual([7, '6 done, 1 failed, 0 not run.'])
  })

  test.each([1, 3])(
    'with %s at a time, a refused slot that another run has completed by then is no failure',
    (jobs) => {
      const { status, said } = run({ jobs, failing: 'b', code: 65 })
      expect([status, said.at(-1)]).toEqual([0, '7 done, 0 failed, 0 not run.'])
    },
  )
})
