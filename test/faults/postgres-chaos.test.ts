import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { cronledger, type Ended, type Loose } from '../support/cli.ts'
import { hasPostgres, OWNER, type PostgresServer, startPostgres } from '../support/postgres.ts'
import { startPostgresProxy } from '../support/postgres-proxy.ts'
import { eventsOf } from '../support/processes/crowd.ts'

const CUTS = ['cutAnswer', 'cutRequest'] as const
/** `EVERY=1` plays more rounds, with more processes, and with statements that are given up after 5 s. */
const [ROUNDS, PROCESSES, FAULTS] = process.env['EVERY']
  ? [16, 50, [...CUTS, 'stallAnswer', 'stall'] as const]
  : [4, 9, CUTS]
const TASKS = ['first', 'second', 'third']
const WAIT = ['--ledger-timeout', '10m', '--lease', '10m']

async function standbyOf(primary: PostgresServer): Promise<PostgresServer> {
  const standby = await startPostgres([], primary)
  while (primary.sql('SELECT sync_state FROM pg_stat_replication') !== 'sync') await delay(20)
  return standby
}

// In each round, all processes start at once, and share a slot of each task. One statement in ten is cut or gets no answer, and while
// slots are claimed and finished, the server is stopped, killed, or lost and replaced by its standby. Its settings would let
// a write be acknowledged early.
// promise: postgres-interrupted, postgres-standby
test.skipIf(!hasPostgres)(
  'chaos: each slot runs once, each run ends well, and nothing that was acknowledged is lost',
  { timeout: 3_600_000 },
  async () => {
    let primary = await startPostgres()
    primary.sql(`ALTER SYSTEM SET synchronous_standby_names = '*'`)
    primary.sql(`ALTER ROLE ${OWNER} SET synchronous_commit = local`)
    primary.sql('SELECT pg_reload_conf()')
    let standby = await standbyOf(primary)
    const proxy = await startPostgresProxy(primary)
    onTestFinished(async () => {
      proxy.close()
      await Promise.all([primary.remove(), standby.remove()])
    })
    const store = ['--store', `postgres://${OWNER}@127.0.0.1:${proxy.port}/postgres`]
    expect(await cronledger(['setup', ...store])).toMatchObject({ code: 0 })

    const strikes = {
      stop: () => primary.stop('SIGINT').then(primary.start),
      kill: () => primary.stop('SIGKILL').then(primary.start),
      async promote() {
        await primary.stop('SIGKILL')
        standby.sql('SELECT pg_promote()')
        proxy.leadTo(standby)
        await primary.remove()
        primary = standby
        standby = await standbyOf(primary)
      },
      async loseStandby() {
        await standby.stop('SIGKILL')
        await delay(500)
        await standby.start()
      },
    }
    const counted: Record<string, number> = { runs: 0, paid: 0, duplicates: 0 }
    const count = (what: string, more = 1) => {
      counted[what] = (counted[what] ?? 0) + more
    }
    let sent = 0
    for (let round = 0; round < ROUNDS; round += 1) {
      const eventTime = new Date(Date.parse('2026-01-01T03:00:00Z') + round * 86_400_000).toISOString()
      const when = sent + 5 + ((round * 7) % (PROCESSES * 3))
      const struck = new Promise<void>((strike) => {
        proxy.treat(() => {
          if (++sent === when) strike()
          const cut = sent % 10 === 0 ? (FAULTS[(sent / 10) % FAULTS.length] ?? 'pass') : 'pass'
          count(cut)
          return cut
        })
      })
      const slot = ['--schedule', '0 3 * * *', '--event-time', eventTime]
      const batch = ['--', 'sh', '-c', 'sleep 1; echo paid']
      const run = (_: unknown, index: number) =>
        cronledger(['run', ...store, '--task', `${TASKS[index % 3]}`, ...slot, ...WAIT, ...batch])
      const running = Promise.all(Array.from({ length: PROCESSES }, run))
      const [name, strike] = Object.entries(strikes)[round % 4] ?? []
      await Promise.race([struck, running])
      count(`${name}`)
      await strike?.()
      const ended: readonly Ended[] = await running
      const events = ended.flatMap(eventsOf).map(({ event }) => event)
      count('runs', ended.length)
      count('paid', ended.filter(({ stdout }) => stdout === 'paid\n').length)
      count('duplicates', events.filter((event) => event === 'duplicate').length)
      expect(ended.map(({ code, stderr }) => (code === 0 ? '' : `round ${round}: ${code}: ${stderr}`)).join('')).toBe(
        '',
      )
      expect(counted['paid']).toBe(3 * (round + 1))
    }
    proxy.treat(() => 'pass')
    for (const task of TASKS) {
      const all = ['--status', 'recorded', '--json', '--limit', '1000']
      const { stdout } = await cronledger(['history', task, ...store, ...all])
      const rows: Loose[] = JSON.parse(stdout)
      expect(rows.map(({ state, attempts }) => `${state} ${attempts.length}`)).toEqual(
        Array(ROUNDS).fill('COMPLETED 1'),
      )
    }
    process.stdout.write(`chaos: ${JSON.stringify(counted)}\n`)
  },
)
