import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { cronledger, MAIN, NIGHTLY, scratch } from '../support/cli.ts'

test('the README says which state and version each conditional write of a run leaves in the row', async () => {
  const of = ['--store', `file:${scratch()}/ledger.db`, ...NIGHTLY.slice(0, 2)]
  const show = ['show', ...of, '--slot', '2026-11-23', '--format', 'json']
  const event = [...NIGHTLY.slice(2), '--event-time', '2026-11-23T03:00:05Z']
  const claimed = await cronledger(['run', ...of, ...event, '--', process.execPath, MAIN, ...show])
  const ended = await cronledger(show)
  const [before, after] = [claimed, ended].map(({ stdout }) => JSON.parse(stdout))
  expect(after.owner).toBe(before.owner)
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  for (const { state, version, attempts } of [before, after]) {
    expect(attempts).toHaveLength(1)
    expect(readme).toMatch(new RegExp(`^\\|[^|]+\\|[^|]+\\| \`${state}\`[^|]*\\| ${version} \\| this run \\| 1, `, 'm'))
  }
})
