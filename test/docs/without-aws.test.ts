import { describe, expect, onTestFinished, test } from 'vitest'
import { scratch } from '../support/cli.ts'
import { hasPostgres, startPostgres } from '../support/postgres.ts'
import { blocksIn } from './markdown.ts'
import { runPage } from './session.ts'

const blocks = blocksIn(new URL('../../docs/guides/without-aws.md', import.meta.url))

describe.skipIf(!hasPostgres)('the guide for PostgreSQL', () => {
  test('the guide for PostgreSQL works from top to bottom: one run, one duplicate, the roles, and the removal of old rows', async () => {
    const server = await startPostgres()
    onTestFinished(() => server.remove())
    const here = blocks.map((block) => ({
      ...block,
      text: block.text.replaceAll(/postgres:\/\/(ledger|postgres)@db\.example\/billing/g, `"${server.address()}"`),
    }))
    const printed = await runPage(here, { folder: scratch() })
    const all = printed.map(({ block, code, output }) => `${block.text}${code}\n${output}`).join('\n')
    // The clock of the page is years from that of the server, and a test server does not sync its disk.
    expect(printed.map(({ code }) => code).slice(1), all).toEqual([0, expect.any(Number), 0])
    expect(all).toContain('table created')
    expect(all.match(/^paid$/gm), all).toHaveLength(1)
    expect(all).toMatch(/duplicate trigger ignored/)
    expect(all).toMatch(/completed +1 +\S+ +1/)
    expect(all).toContain('ok     task')
    expect(server.sql("SELECT rolname FROM pg_roles WHERE rolname LIKE 'cronledger%' ORDER BY 1")).toBe(
      'cronledger_auditor\ncronledger_checker\ncronledger_operator',
    )
  })
})
