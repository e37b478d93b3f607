import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts'
import { cronledger, type Loose, scratch, start } from '../support/cli.ts'
import {
  hasBouncer,
  hasPostgres,
  OWNER,
  type PostgresServer,
  startBouncer,
  startPostgres,
} from '../support/postgres.ts'
import { type PostgresProxy, type StatementFault, startPostgresProxy } from '../support/postgres-proxy.ts'
import { eventsOf, expectOneRan } from '../support/processes/crowd.ts'

/** `EVERY=1` starts as many as fit into the memory of a test machine. */
const CROWD = process.env['EVERY'] ? 400 : 50

let slots = 0
function slotOf(store: string, env: Readonly<Record<string, string>> = {}) {
  const eventTime = new Date(Date.parse('2026-01-01T03:00:00Z') + ++slots * 86_400_000).toISOString()
  const task = ['--store', store, '--task', 'nightly']
  const slot = ['--schedule', '0 3 * * *', '--event-time', eventTime]
  return {
    run: (...more: string[]) => cronledger(['run', ...task, ...slot, ...more, '--', 'echo', 'paid'], { env }),
    async row(): Promise<Loose> {
      const { stdout } = await cronledger(['show', ...task, '--slot', eventTime, '--json'], { env })
      return JSON.parse(stdout)
    },
  }
}

describe.skipIf(!hasPostgres)('real processes before PostgreSQL', () => {
  let server: PostgresServer
  let proxy: PostgresProxy
  let store: string
  beforeAll(async () => {
    server = await startPostgres(['max_connections=15'])
    proxy = await startPostgresProxy(server)
    store = `postgres://${OWNER}@127.0.0.1:${proxy.port}/postgres`
    await cronledger(['setup', '--store', store])
  })
  afterAll(async () => {
    proxy.close()
    await server.remove()
  })

  test('statements: three for a run on one connection (four if its schedule is new), four for a duplicate', async () => {
    const asked = async (slot: ReturnType<typeof slotOf>) => {
      const before = proxy.connections()
      const statements: unknown[] = []
      proxy.treat((statement) => {
        statements.push(/INSERT|UPDATE|SELECT document/.exec(statement)?.[0].slice(0, 6))
        return 'pass'
      })
      expect(await slot.run()).toMatchObject({ code: 0 })
      return [...statements, proxy.connections() - before]
    }
    expect(await asked(slotOf(store))).toEqual(['INSERT', 'SELECT', 'INSERT', 'UPDATE', 1])
    const slot = slotOf(store)
    expect(await asked(slot)).toEqual(['INSERT', 'SELECT', 'UPDATE', 1])
    expect(await asked(slot)).toEqual(['INSERT', 'SELECT', 'SELECT', 'UPDATE', 1])
  })

  const isClaim = (statement: string) => statement.includes('INSERT') && statement.includes('"state":"PENDING"')
  const isFinish = (statement: string) => statement.includes('UPDATE') && statement.includes('"state":"COMPLETED"')
  const once = (which: (statement: string) => boolean, fault: StatementFault) => {
    let left = 1
    proxy.treat((statement) => (which(statement) && left-- > 0 ? fault : 'pass'))
  }

  // promise: postgres-interrupted
  test.each([
    ['the claim', isClaim, ['cutRequest', 'cutAnswer', 'stallAnswer']],
    ['the end', isFinish, ['cutRequest', 'cutAnswer', 'stall']],
  ] as const)(
    '%s of a run is cut, lost or not answered: the batch runs once and is recorded',
    async (_, which, faults) => {
      for (const fault of faults) {
        const slot = slotOf(store)
        once(which, fault)
        const first = await slot.run('--ledger-timeout', '30s')
        proxy.treat(() => 'pass')
        const late = await slot.run()
        expect([fault, first.code, first.stdout, late.code, late.stdout]).toEqual([fault, 0, 'paid\n', 0, ''])
        expect(await slot.row()).toMatchObject({ state: 'COMPLETED', attempts: [{ number: 1, outcome: 'succeeded' }] })
      }
    },
  )

  // promise: postgres-many-triggers
  test('many processes at once on a server with 15 connections: one runs the batch, the others wait and are duplicates', async () => {
    const slot = slotOf(server.address())
    const ended = await Promise.all(Array.from({ length: CROWD }, () => slot.run('--ledger-timeout', '5m')))
    expectOneRan(ended, await slot.row())
  })

  // promise: postgres-many-triggers
  test.skipIf(!hasBouncer)(
    '20 processes before PgBouncer in transaction mode with 2 connections: one runs',
    async () => {
      const bouncer = await startBouncer(server)
      onTestFinished(() => bouncer.stop())
      const slot = slotOf(bouncer.address)
      const ended = await Promise.all(Array.from({ length: 20 }, () => slot.run('--ledger-timeout', '5m')))
      expectOneRan(ended, await slot.row())
    },
  )

  test('a server that is gone: 75, the batch is not started, and its password is in no line', async () => {
    const gone = slotOf('postgres://ada:s3cret@127.0.0.1:1/billing')
    const ended = await gone.run('--ledger-timeout', '4s')
    expect(ended).toMatchObject({ code: 75, stdout: '' })
    expect(ended.stderr).toContain('cannot connect to database \\"billing\\" on 127.0.0.1:1')
    expect(ended.stderr).not.toContain('s3cret')
    expect(eventsOf(ended).length).toBeGreaterThan(0)
  })
})

describe.skipIf(!hasPostgres)('a primary with a standby', () => {
  async function startPair() {
    const primary = await startPostgres(['fsync=on', 'synchronous_commit=local'])
    const standby = await startPostgres([], primary)
    onTestFinished(async () => {
      await standby.remove()
      await primary.remove()
    })
    await cronledger(['setup', '--store', primary.address()])
    const becomes = async (question: string, answer: string) => {
      while (primary.sql(question) !== answer) await delay(20)
    }
    await becomes('SELECT count(*) FROM pg_stat_replication', '1')
    const beSynchronous = async () => {
      primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
      primary.sql('SELECT pg_reload_conf()')
      await becomes('SELECT sync_state FROM pg_stat_replication', 'sync')
    }
    return { primary, standby, beSynchronous }
  }

  // promise: postgres-standby
  test('a standby answers no run and no reader, and setup --check says what a failover can lose', async () => {
    const { primary, standby, beSynchronous } = await startPair()
    // As a user without rights of an administrator, who sees less of the replication.
    primary.sql('CREATE ROLE ada LOGIN; GRANT SELECT, INSERT, UPDATE ON cronledger TO ada')
    const check = async () => (await cronledger(['setup', '--check', '--store', primary.address('ada')])).stdout
    expect(await check()).toMatch(/^ok +durability .*asynchronous: after a failover, the last claims .* can be gone/m)
    await beSynchronous()
    expect(await check()).toMatch(/^ok +durability .*on a synchronous standby before the batch starts/m)

    const onStandby = await slotOf(standby.address()).run('--ledger-timeout', '8s')
    expect(onStandby).toMatchObject({ code: 75, stdout: '' })
    expect(onStandby.stderr).toContain('is a standby')
    // A read would show the past, also one that finds nothing.
    const past = openPostgresStore(standby.address(), {})
    onTestFinished(() => past.close())
    const call = { signal: AbortSignal.timeout(60_000) }
    const key = { task: 'nobody', slot: 0 }
    const reads = [
      () => past.get(key, call),
      () => past.list({ kind: 'task', task: 'nobody', limit: 1 }, call),
      () => past.list({ kind: 'day', day: '2026-01-01', limit: 1 }, call),
      () => past.listSlots({ task: 'nobody', since: 0, until: 1 }, call),
      () => past.readEntry({ task: 'nobody', kind: '#task' }, call),
      () => past.listTasks(call),
      () => past.readTaskEntries(['nobody'], call),
    ]
    for (const read of reads) await expect(read()).rejects.toThrow(/is a standby/)
  })

  // promise: row-removed
  test('a failover that loses the claim of a running batch stops it, and the log says so', async () => {
    const { primary, standby } = await startPair()
    const proxy = await startPostgresProxy(primary)
    onTestFinished(() => proxy.close())
    await standby.stop()
    const slot = ['--task', 'nightly', '--schedule', '0 3 * * *', '--event-time', '2026-01-01T03:00:00Z']
    const store = `postgres://${OWNER}@127.0.0.1:${proxy.port}/postgres`
    const run = start(['run', '--store', store, ...slot, '--heartbeat', '1s', '--', 'sleep', '600'])
    await run.logged('"claimed"')
    await primary.stop('SIGKILL')
    await standby.start()
    standby.sql('SELECT pg_promote()')
    proxy.leadTo(standby)
    const { code, stderr } = await run.ended
    expect([code, stderr]).toEqual([
      73,
      expect.stringContaining('stopping the run: the record of this slot was deleted, or lost in a failover'),
    ])
  })

  // promise: postgres-standby
  test('while the synchronous standby is away, nothing is acknowledged, also after a restart or a crash of the primary: what is promoted then has all that followed', async () => {
    const { primary, standby, beSynchronous } = await startPair()
    await beSynchronous()
    // Whatever the settings of the role say.
    primary.sql(`ALTER ROLE ${OWNER} SET synchronous_commit = off`)
    const proxy = await startPostgresProxy(primary)
    onTestFinished(() => proxy.close())
    const store = `postgres://${OWNER}@127.0.0.1:${proxy.port}/postgres`
    const folder = scratch()
    const [paidFile, go] = [join(folder, 'paid'), join(folder, 'go')]
    const read = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : '')

    const begin = (task: string) => {
      const wait = ['--ledger-timeout', '10m', '--lease', '30m']
      const script = `until [ "$(cat ${go})" != "" ]; do sleep 0.1; done; echo ${task} >>${paidFile}`
      const slot = ['--task', task, '--schedule', '0 3 * * *', '--event-time', '2026-01-01T03:00:00Z']
      return start(['run', '--store', store, ...slot, ...wait, '--', 'sh', '-c', script])
    }
    writeFileSync(go, '')
    const ending = begin('ending')
    await ending.logged('"claimed"')
    await standby.stop()
    writeFileSync(go, 'go')
    const claiming = ['claiming', 'another'].map((task) => begin(task))
    const all = [ending, ...claiming]
    const waiting = async () => {
      const waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
      await expect.poll(() => [primary.sql(waits), read(paidFile)], { timeout: 60_000 }).toEqual(['3', 'ending\n'])
    }
    await waiting()
    primary.sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
    await waiting()
    for (const signal of ['SIGINT', 'SIGKILL'] as const) {
      await primary.stop(signal)
      await primary.start()
      await waiting()
    }
    await primary.stop('SIGKILL')
    expect(all.map(({ child }) => child.exitCode)).toEqual([null, null, null])
    await standby.start()
    standby.sql('SELECT pg_promote()')
    proxy.leadTo(standby)

    const ended = await Promise.all(all.map((run) => run.ended))
    expect(ended.map(({ code, stderr }) => (code === 0 ? '' : `${code}: ${stderr}`)).join('')).toBe('')
    expect(read(paidFile).trim().split('\n').sort()).toEqual(['another', 'claiming', 'ending'])
    const rows = `SELECT task, document ->> 'state', jsonb_array_length(document -> 'attempts')
      FROM cronledger WHERE day IS NOT NULL ORDER BY task`
    expect(standby.sql(rows).split('\n')).toEqual(['another|COMPLETED|1', 'claiming|COMPLETED|1', 'ending|COMPLETED|1'])
  })
})
