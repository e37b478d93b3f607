import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import Libsql from 'libsql'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cronledger, type Ended, type Loose, type Running, scratch, start } from '../support/cli.ts'
import { hasPostgres, type PostgresServer, startPostgres } from '../support/postgres.ts'
import { awsEnv, type Server, startDynalite } from '../support/servers.ts'

// `kill -9` at moments that a seed picks: of the supervisors, whose children write a diary of their own. What the ledger
// says afterwards is held against it. `SEED=17` picks other moments.
const SEED = Number(process.env['SEED'] ?? 1)
const RUNS = 40
const AT_A_TIME = 4
const FIRST_SLOT = Date.parse('2026-01-02T03:00:00Z')

const folder = scratch()
let server: Server
let postgres: PostgresServer | null = null
beforeAll(async () => {
  server = await startDynalite()
  if (hasPostgres) postgres = await startPostgres()
})
afterAll(() => Promise.all([server.stop(), postgres?.remove()]))

/** The lines that the child writes: one when it begins, and one when it is done. */
const DIARY = 'echo began >> "$0"; echo began; sleep 0.1; echo ended >> "$0"'

interface Moment {
  /** Counted from the start of the process, or from that of its child. */
  readonly from: 'spawn' | 'child'
  readonly ms: number
}

async function killAt(running: Running, { from, ms }: Moment): Promise<Ended> {
  if (from === 'child') await Promise.race([running.printed('began').catch(() => undefined), running.exited])
  await Promise.race([delay(ms), running.exited])
  running.child.kill('SIGKILL')
  return running.ended
}

const STORES: Record<string, () => Readonly<Record<string, string>>> = {
  file: () => ({ CRONLEDGER_STORE: `file:${join(folder, 'ledger.db')}` }),
  dynalite: () => ({ CRONLEDGER_STORE: 'dynamodb:ledger', ...awsEnv(server) }),
  ...(hasPostgres && { postgres: () => ({ CRONLEDGER_STORE: postgres?.address() ?? '' }) }),
}

// promise: killed
test.each(Object.entries(STORES))(
  '%s: kill -9 at a random moment of 40 runs loses and invents nothing',
  { timeout: 900_000 },
  async (kind, environment) => {
    const random = xoroshiro128plus(SEED)
    const int = (from: number, to: number) => uniformInt(random, from, to)
    const all = { env: { ...environment(), CRONLEDGER_TASK: 'nightly' } }
    await cronledger(['setup'], all)

    const stories = Array.from({ length: RUNS }, (_, index) => ({
      index,
      slot: new Date(FIRST_SLOT + index * 60_000).toISOString().replace('.000Z', 'Z'),
      diary: join(folder, `${kind}-${index}`),
      moment:
        int(1, 100) <= 40 ? { from: 'spawn', ms: int(0, 700) } : ({ from: 'child', ms: int(0, 500) } satisfies Moment),
      first: null as Ended | null,
      again: null as Ended | null,
    }))
    const run = ({ slot, diary }: { slot: string; diary: string }) =>
      start(['run', '--schedule', '* * * * *', '--event-time', slot, '--', 'sh', '-c', DIARY, diary], all)
    const waiting = [...stories]
    const host = async () => {
      for (let story = waiting.shift(); story !== undefined; story = waiting.shift()) {
        story.first = await killAt(run(story), story.moment as Moment)
        // The scheduler delivers every other trigger twice.
        if (story.index % 2 === 1) story.again = await run(story).ended
      }
    }
    await Promise.all(Array.from({ length: AT_A_TIME }, host))

    if (kind === 'file') {
      const database = new Libsql(join(folder, 'ledger.db'))
      expect(database.pragma('integrity_check')).toEqual([{ integrity_check: 'ok' }])
      database.close()
    }
    const ended = await cronledger(['history', 'nightly', '--status', 'recorded', '--json', '--limit', '0'], all)
    expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: '' })
    const rows = new Map<string, Loose>(JSON.parse(ended.stdout).map((row: Loose) => [row['slot'], row]))

    const seen = { none: 0, PENDING: 0, COMPLETED: 0 }
    for (const { index, slot, diary, moment, first, again } of stories) {
      const row = rows.get(slot)
      rows.delete(slot)
      const lines = existsSync(diary) ? readFileSync(diary, 'utf8').split('\n') : []
      const [began, done] = ['began', 'ended'].map((word) => lines.filter((line) => line === word).length)
      const story = JSON.stringify({ SEED, index, moment, began, done, row, first, again })
      // Money: at most once, whatever happened.
      expect(began, story).toBeLessThanOrEqual(1)
      if (began === 1) expect(row, story).toBeDefined()
      if (row === undefined) {
        expect(again, story).toBeNull()
        seen.none += 1
        continue
      }
      expect(['PENDING', 'COMPLETED'], story).toContain(row['state'])
      seen[row['state'] as 'PENDING' | 'COMPLETED'] += 1
      expect(row['attempts'], story).toHaveLength(1)
      if (row['state'] === 'COMPLETED') {
        expect({ began, done, outcome: row['attempts'][0].outcome }, story).toEqual({
          began: 1,
          done: 1,
          outcome: 'succeeded',
        })
      } else {
        expect(row['attempts'][0], story).not.toHaveProperty('outcome')
      }
      // No success was reported that is not recorded, and each duplicate is recorded.
      if (first?.code === 0) expect(row['state'], story).toBe('COMPLETED')
      const rejected = again?.stderr.includes('"event":"duplicate"') ? 1 : 0
      expect({ code: again?.code ?? 0, count: row['rejections'].count }, story).toEqual({ code: 0, count: rejected })
    }
    expect([...rows.keys()], 'rows that no trigger made').toEqual([])
    // Moments that all fall into the same part of a run prove nothing.
    expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(0)
    process.stdout.write(`${kind}, seed ${SEED}: ${RUNS} killed; ${JSON.stringify(seen)}\n`)
  },
)
