import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createLedger } from '../../../src/ledger.ts'
import { inspectStore } from '../../../src/store/open.ts'
import { readAddress } from '../../../src/store/postgres/address.ts'
import { openPostgresStore } from '../../../src/store/postgres/postgres-store.ts'
import { partsOfLedger, setUpPostgres } from '../../../src/store/postgres/setup-postgres.ts'
import { cronledger, NIGHTLY, scratch, start } from '../../support/cli.ts'
import { hasPostgres, OWNER, type PostgresServer, startPostgres } from '../../support/postgres.ts'
import { startPostgresProxy } from '../../support/postgres-proxy.ts'
import { claimOf, rejectionOf } from '../contract.ts'

const call = () => ({ signal: AbortSignal.timeout(60_000) })
const ROLES = readFileSync(new URL('../../../schema/postgres.sql', import.meta.url), 'utf8')

describe.skipIf(!hasPostgres)('a ledger in PostgreSQL', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.remove())

  const newLedger = async (table: string) => {
    const address = (user?: string) => server.address(user, `&table=${table}`)
    await setUpPostgres(address(), {}, call())
    return address
  }
  const claim = async (address: string, task: string, more: Parameters<typeof claimOf>[1] = {}) => {
    const store = openPostgresStore(address, {})
    try {
      return await store.put(claimOf(task, more), 'absent', call())
    } finally {
      store.close()
    }
  }
  type Role = 'runner' | 'auditor' | 'operator'
  const inspect = async (address: string, role: Role, task: string | null = null, after: string[] = []) => {
    const more = { skewMs: 30_000, hasRetention: false, now: Date.now, after: async () => after }
    const findings: string[] = []
    for await (const { what, wrong, text } of inspectStore(address, { env: {}, role, task, ...more }, call()))
      findings.push(wrong === null ? what : `${what}: ${wrong}: ${text}`)
    return findings
  }

  test('a ledger in PostgreSQL is made once, also by two at the same time', async () => {
    const address = server.address(undefined, '&table=twice')
    const did = await Promise.all([1, 2, 3].map(() => setUpPostgres(address, {}, call())))
    expect(did.filter((one) => one === 'created')).toHaveLength(1)
    expect(await setUpPostgres(address, {}, call())).toBe('found')
    const nowhere = setUpPostgres(server.address(undefined, '&schema=nowhere'), {}, call())
    await expect(nowhere).rejects.toThrow('CREATE SCHEMA nowhere')
  })

  // promise: one-task-role
  test('with the roles of the template: a batch reaches its own task only, and to it no other looks unknown; an auditor writes nothing', async () => {
    const address = await newLedger('cronledger')
    server.sql(
      `${ROLES}; CREATE ROLE ada LOGIN IN ROLE cronledger_auditor; CREATE ROLE bob LOGIN IN ROLE cronledger_operator`,
    )

    expect(await claim(address('nightly'), 'nightly')).toEqual({ kind: 'ok' })
    await expect(claim(address('nightly'), 'other')).rejects.toMatchObject({ kind: 'denied' })
    expect(await claim(address('bob'), 'other')).toEqual({ kind: 'ok' })
    await expect(claim(address('ada'), 'third')).rejects.toMatchObject({ kind: 'denied' })

    const tasksOf = async (user: string) => {
      const store = openPostgresStore(address(user), {})
      const { rows } = await store.list({ kind: 'day', day: '2026-11-24', limit: 10 }, call())
      store.close()
      return rows.map(({ task }) => task).sort()
    }
    expect(await tasksOf('nightly')).toEqual(['nightly'])
    // What a task comes after, it may read, and not change.
    const [last] = (await inspect(address('nightly'), 'runner', 'nightly', ['other'])).slice(-1)
    expect(last).toMatch(/^after other: denied: no row of it can be seen: .* row-level security hides its rows\. /)
    const [, policy = ''] = /^-- {3}(CREATE POLICY nightly_after .*)$/m.exec(ROLES) ?? []
    server.sql(policy.replace('extract', 'other'))
    expect(await tasksOf('nightly')).toEqual(['nightly', 'other'])
    await expect(claim(address('nightly'), 'other')).rejects.toMatchObject({ kind: 'denied' })
    expect((await inspect(address('nightly'), 'runner', 'nightly', ['other'])).at(-1)).toBe('after other')
    server.sql('DROP POLICY nightly_after ON public.cronledger')
    const [, prefix = ''] = /^-- {3}(CREATE POLICY nightly_prefix .*)$/m.exec(ROLES) ?? []
    const ofPrefix = async () => (await inspect(address('nightly'), 'runner', 'nightly', ['oth*'])).at(-1)
    expect(await ofPrefix()).toMatch(/^after oth\*: denied: no row of it can be seen/)
    server.sql(prefix.replace('imp/', 'oth'))
    expect(await ofPrefix()).toBe('after oth*')
    server.sql('DROP POLICY nightly_prefix ON public.cronledger')
    // A document is what the batch likes, and must not become a row of another task.
    server.sql(`UPDATE cronledger SET document = document || '{"task": "other"}' WHERE task = 'nightly'`)
    expect(await tasksOf('ada')).toEqual(['nightly', 'other'])

    const all = ['server', 'clock', 'table', 'indexes', 'rights']
    const withoutFsync = (findings: readonly string[]) => findings.filter((one) => !one.startsWith('durability'))
    expect(withoutFsync(await inspect(address('nightly'), 'runner', 'nightly'))).toEqual([...all, 'task'])
    expect(withoutFsync(await inspect(address('ada'), 'auditor'))).toEqual(all)
    const other = (await inspect(address('nightly'), 'runner', 'other')).at(-1)
    expect(other).toMatch(/^task: denied: a trial claim in database "postgres" on \S+ was denied/)
    expect((await inspect(address('ada'), 'operator')).at(-1)).toContain('rights: denied: the user may not INSERT')
    expect(server.sql(`SELECT count(*) FROM cronledger WHERE slot = '#probe'`)).toBe('0')

    // Another task must not look unknown, because its slots would look free.
    const asked = async (user: string, [command = '', ...args]: readonly string[]) =>
      (await cronledger([command, '--store', address(user), ...args])).code
    const commands = (task: string) => [
      ['show', task, '--slot', '2026-11-24T03:00:00Z'],
      ['history', task],
      ['check', task],
      ['pause', task, '--reason', 'by hand'],
      ['resolve', '--task', task, '--slot', '2026-11-24T03:00:00Z', '--state', 'skipped', '--reason', 'by hand'],
      ['run', '--task', 'nightly', '--schedule', '0 3 * * *', '--after', task, '--', 'false'],
    ]
    const codes = async (user: string, task: string) => {
      const ended: (number | null)[] = []
      for (const command of commands(task)) ended.push(await asked(user, command))
      return ended
    }
    expect(await codes('nightly', 'other')).toEqual([77, 77, 77, 77, 77, 77])
    // Who sees all tasks, or may write this one, knows that there is none.
    expect(await codes('bob', 'nobody')).toEqual([64, 64, 64, 64, 64, 64])
    expect(await asked('ada', ['check', 'nobody'])).toBe(64)
    server.sql("DELETE FROM cronledger WHERE task = 'nightly'")
    expect(await asked('nightly', ['show', 'nightly', '--slot', '2026-11-24T03:00:00Z'])).toBe(64)
    expect(await asked('nightly', ['declare', 'nightly', '--schedule', '0 3 * * *'])).toBe(0)
    const of = ['--schedule', '0 3 * * *', '--event-time', '2026-11-24T03:00:00Z']
    expect(await asked('bob', ['run', '--task', 'imp/a', ...of, '--', 'true'])).toBe(0)
    const waiting = ['run', '--task', 'nightly', ...of, '--after', 'imp/*', '--', 'true']
    expect(await asked('nightly', waiting)).toBe(64)
    server.sql(prefix)
    expect(await asked('nightly', waiting)).toBe(0)
    const pause = await cronledger(['pause', '--all', '--store', address('nightly'), '--reason', 'by hand'])
    expect(pause.stdout).toContain('1 task paused.')
    expect(pause.stdout).toContain('Only the tasks that this user of the ledger may see')
  })

  test('a ledger in PostgreSQL that loses claims in a crash, or has no index or another form, is found by setup --check', async () => {
    const address = await newLedger('checked')
    const findings = async () => (await inspect(address(), 'operator')).join('\n')
    expect(await findings()).toMatch(/^durability: shape: fsync is off/m)
    server.sql('DROP INDEX checked_by_day')
    expect(await findings()).toMatch(/^indexes: shape: checked_by_day is missing/m)
    server.sql('ALTER TABLE checked DROP COLUMN notes')
    expect((await inspect(address(), 'operator')).at(-1)).toContain('table public.checked has no column notes')
  })

  test('a ledger in PostgreSQL is not made in a database that is not in UTF-8. In one from before, an end is recorded without a report that it cannot store', async () => {
    server.sql("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    const address = server.address(undefined, '&dbname=latin')
    await expect(setUpPostgres(address, {}, call())).rejects.toThrow('the encoding is LATIN1. Use')
    const parts = Object.values(partsOfLedger(readAddress(address, {})))
    server.sql(`\\c latin\n${parts.join(';\n')};`)
    expect((await inspect(address, 'operator')).join('\n')).toMatch(/^encoding: shape: .* LATIN1\. Use/m)
    const trigger = { kind: 'forced', by: 'ada', reason: 'nächtlich-夜' } as const
    await expect(claim(address, 'nightly', { trigger })).rejects.toMatchObject({ kind: 'shape', changedNothing: true })

    const slot = ['--schedule', '0 3 * * *', '--event-time', '2026-01-01T03:00:00Z']
    for (const [task, end] of [
      ['well', 0],
      ['badly', 3],
    ] as const) {
      const batch = `echo 行 >"$CRONLEDGER_RUN_REPORT"; echo 件 >"$CRONLEDGER_RUN_CHECKPOINT"; exit ${end}`
      const run = await cronledger(['run', '--store', address, '--task', task, ...slot, '--', 'sh', '-c', batch])
      expect([run.code, run.stderr]).toEqual([end, expect.stringContaining('recorded without its report')])
      const shown = await cronledger(['show', task, '--store', address, '--slot', '2026-01-01T03:00:00Z', '--json'])
      const { state, attempts } = JSON.parse(shown.stdout)
      expect([state, attempts[0].exitCode]).toEqual([end === 0 ? 'COMPLETED' : 'FAILED', end])
      expect(attempts[0]).not.toHaveProperty('report')
    }
  })

  test.each([
    ['a table that is missing', '&table=nothing', 'shape', 'has no ledger public.nothing'],
    ['a table of another program', '&schema=information_schema&table=tables', 'shape', 'has no ledger'],
    ['a schema that is missing', '&schema=nowhere', 'shape', 'has no ledger nowhere.cronledger'],
    ['a database that is missing', '&dbname=nothing', 'shape', 'does not exist. Check the address'],
    ['a user who does not exist', '&user=nobody_here', 'denied', 'Check the user, and pg_hba.conf'],
    ['a port where nothing listens', '&port=1', 'unreachable', 'cannot connect to'],
  ] as const)('a ledger in PostgreSQL: %s: %s is %s', async (_, more, kind, text) => {
    const address = new URL(server.address())
    for (const [key, value] of new URLSearchParams(more)) address.searchParams.set(key, value)
    const failed = claim(address.href, 'nightly')
    await expect(failed).rejects.toMatchObject({ kind, message: expect.stringContaining(text) })
  })

  test('a ledger in PostgreSQL that has no TLS, although the address asks for it, is an error that no other try corrects', async () => {
    const proxy = await startPostgresProxy(server)
    onTestFinished(() => proxy.close())
    const failed = claim(`postgres://${OWNER}@127.0.0.1:${proxy.port}/postgres?sslmode=require`, 'nightly')
    const message = expect.stringContaining('Turn TLS on in the server')
    await expect(failed).rejects.toMatchObject({ kind: 'shape', message })
  })

  test('a ledger in PostgreSQL whose rows cannot be updated does not ask for a note again and again', async () => {
    const address = await newLedger('stuck')
    expect(await claim(address(), 'nightly')).toEqual({ kind: 'ok' })
    server.sql(`CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
      CREATE TRIGGER skip BEFORE UPDATE ON stuck FOR EACH ROW EXECUTE FUNCTION skip()`)
    const store = openPostgresStore(address(), {})
    onTestFinished(() => store.close())
    const noted = store.note(claimOf('nightly'), rejectionOf('x'), call())
    await expect(noted).rejects.toMatchObject({ kind: 'unreachable', message: expect.stringContaining('20 tries') })
  })

  describe('with a password that a command prints', () => {
    const folder = scratch()
    const [passwordFile, calls] = [join(folder, 'password'), join(folder, 'calls')]
    const env = { CRONLEDGER_PASSWORD_COMMAND: `echo >>${calls}; cat ${passwordFile}; echo not-the-password` }
    const countCalls = () => readFileSync(calls, 'utf8').length
    let passwords = 0
    let strict: PostgresServer
    /** Another password is valid from now on. */
    const change = () => {
      passwords += 1
      strict.sql(`ALTER ROLE ada PASSWORD 'token${passwords}'`)
      writeFileSync(passwordFile, `token${passwords}\n`)
    }
    const address = () => strict.address('ada')
    const nightly = ['--task', 'nightly', '--schedule', '0 3 * * *', '--event-time', '2026-01-01T03:00:00Z']
    beforeAll(async () => {
      strict = await startPostgres()
      strict.sql('CREATE ROLE ada LOGIN SUPERUSER')
      change()
      writeFileSync(join(strict.folder, 'data/pg_hba.conf'), `local all ${OWNER} trust\nlocal all all scram-sha-256\n`)
      strict.sql('SELECT pg_reload_conf()')
      expect((await cronledger(['setup', '--store', address()], { env })).code).toBe(0)
    })
    afterAll(() => strict.remove())

    test('a run goes on while the password changes every two seconds, and its result is recorded', async () => {
      const timer = setInterval(change, 2_000)
      onTestFinished(() => clearInterval(timer))
      const lease = ['--lease', '20s', '--heartbeat', '500ms', '--skew', '1s', '--kill-after', '1s']
      const batch = 'env | grep token; until [ "$(cat "$0")" = token5 ]; do sleep 0.2; done'
      const run = start(['run', '--store', address(), ...nightly, ...lease, '--', 'sh', '-c', batch, passwordFile], {
        env,
      })
      const { code, stdout, stderr } = await run.ended
      expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: '' })
      expect(stderr).not.toMatch(/token|renewed/)
      const show = ['show', 'nightly', '--store', address(), '--slot', '2026-01-01T03:00:00Z', '--json']
      expect(JSON.parse((await cronledger(show, { env })).stdout)).toMatchObject({ state: 'COMPLETED' })
    })

    test('the command is asked once for several connections, and again after a refusal', async () => {
      const store = openPostgresStore(address(), { ...process.env, ...env })
      onTestFinished(() => store.close())
      const before = countCalls()
      await store.listTasks(call())
      strict.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ada'")
      await store.listTasks(call()).catch(() => undefined)
      await store.listTasks(call())
      expect(countCalls() - before).toBe(1)
      change()
      strict.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ada'")
      await store.listTasks(call()).catch(() => undefined)
      await store.listTasks(call())
      expect(countCalls() - before).toBe(2)
    })

    test.each([
      ['fails', 'echo token; echo token >&2; exit 3', 'failed (exit code 3)'],
      ['prints nothing', 'true', 'printed no password on its first line'],
      ['is killed', 'kill -9 $$', 'was ended by SIGKILL'],
    ])('a command that %s is an outage', async (_, command, text) => {
      const own = { CRONLEDGER_PASSWORD_COMMAND: command, PGPASSWORD: `token${passwords}` }
      const run = ['run', '--store', address(), ...nightly, '--ledger-timeout', '2s', '--', 'true']
      const ended = await cronledger(run, { env: own })
      expect(ended.code).toBe(75)
      expect(ended.stderr).toContain(`the command of CRONLEDGER_PASSWORD_COMMAND ${text}.`)
      expect(ended.stderr).not.toContain('token')
    })

    test('a command that never ends is an outage after 10 s, and is ended with its children', async () => {
      const pids = join(folder, 'pids')
      const command = `echo $$ >${pids}; sleep 600 & echo $! >>${pids}; wait`
      const store = openPostgresStore(address(), { ...process.env, CRONLEDGER_PASSWORD_COMMAND: command })
      onTestFinished(() => store.close())
      await expect(store.listTasks(call())).rejects.toThrow('within 10 s')
      // Nothing may have waited for the end of a child, so it can still be listed, without a command line.
      const commandOf = (pid: string) =>
        existsSync(`/proc/${pid}`) ? readFileSync(`/proc/${pid}/cmdline`, 'utf8') : ''
      for (const pid of readFileSync(pids, 'utf8').trim().split('\n'))
        await vi.waitFor(() => expect(commandOf(pid)).toBe(''))
    })

    test('a password that is refused although it is new is denied', async () => {
      const own = { CRONLEDGER_PASSWORD_COMMAND: 'echo wrong' }
      const ended = await cronledger(['run', '--store', address(), ...nightly, '--', 'true'], { env: own })
      expect(ended).toMatchObject({ code: 77, stderr: expect.stringContaining('Check CRONLEDGER_PASSWORD_COMMAND.') })
    })

    test('a password in the address beside the command is a mistake', async () => {
      const both = strict.address('ada', '&password=secret')
      const ended = await cronledger(['run', '--store', both, ...nightly, '--', 'true'], { env })
      expect(ended.code).toBe(64)
      expect(ended.stderr).toContain('Remove the password from the address.')
      expect(ended.stderr).not.toContain('secret')
    })
  })

  test('a ledger in PostgreSQL keeps no connection while nothing is asked', async () => {
    const address = await newLedger('idle')
    const store = openPostgresStore(`${address()}`, {})
    await store.get({ task: 'nightly', slot: 0 }, call())
    const connections = () =>
      server.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cronledger' AND state = 'idle'")
    await expect.poll(connections, { timeout: 60_000 }).toBe('0')
    store.close()
  })
})

test.skipIf(!hasPostgres)(
  'a connection to another host is encrypted and verified, with a password that the process list does not have',
  async () => {
    const folder = scratch()
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
    const request = ['req', '-x509', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-days', '2']
    const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
    execFileSync('openssl', [...request, ...name, '-keyout', key, '-out', certificate], { stdio: 'ignore' })
    if (process.getuid?.() === 0) chownSync(key, 65_534, 65_534)
    chmodSync(folder, 0o755)

    const port = await freePort()
    const tls = ['ssl=on', `ssl_cert_file=${certificate}`, `ssl_key_file=${key}`]
    const server = await startPostgres(['listen_addresses=127.0.0.1,127.0.0.2', `port=${port}`, ...tls])
    onTestFinished(() => server.remove())
    server.sql("CREATE ROLE ada LOGIN SUPERUSER PASSWORD 's3cret'")
    writeFileSync(join(server.folder, 'data/pg_hba.conf'), 'local all all trust\nhostssl all all all scram-sha-256\n')
    server.sql('SELECT pg_reload_conf()')

    const ask = (address: string, env = {}) => setUpPostgres(address, env, call())
    const address = `postgres://ada:s3cret@127.0.0.1:${port}/postgres?sslmode=verify-full`
    expect(await ask(`${address}&sslrootcert=${certificate}`)).toBe('created')
    const variables = { PGPASSWORD: 's3cret', PGSSLROOTCERT: certificate }
    expect(await ask(address.replace(':s3cret', ''), variables)).toBe('found')
    const PGPASSFILE = join(folder, 'pgpass')
    writeFileSync(PGPASSFILE, '127.0.0.1:*:*:ada:s3cret\n', { mode: 0o600 })
    const withFile = ['setup', '--store', `${address.replace(':s3cret', '')}&sslrootcert=${certificate}`]
    expect(await cronledger(withFile, { env: { PGPASSFILE } })).toMatchObject({ code: 0, stderr: '' })
    const run = ['run', '--store', `${address}&sslrootcert=${certificate}`, ...NIGHTLY]
    const seen = await cronledger([...run, '--', 'sh', '-c', 'tr "\\0" " " </proc/$PPID/cmdline'])
    expect([seen.code, seen.stdout.trim()]).toEqual([0, 'cronledger'])
    expect(seen.stderr).not.toContain('s3cret')
    // Another try cannot help, so the run does not wait.
    const elsewhere = `${address.replace('127.0.0.1', '127.0.0.2')}&sslrootcert=${certificate}`
    const message = expect.stringContaining('add sslrootcert=FILE')
    for (const wrong of [address, elsewhere]) await expect(ask(wrong)).rejects.toMatchObject({ kind: 'shape', message })
    await expect(ask(address.replace('verify-full', 'disable'))).rejects.toMatchObject({ kind: 'denied' })
    const wrong = ask(address.replace('s3cret', 'wrong').replace('verify-full', 'require'))
    await expect(wrong).rejects.toThrow('password authentication failed')
  },
)

// promise: postgres-standby
test.skipIf(!hasPostgres)(
  'a write that an administrator lets through without its standby is not acknowledged, nor when it is found again',
  async () => {
    const server = await startPostgres(['synchronous_standby_names=none', 'synchronous_commit=local'])
    onTestFinished(() => server.remove())
    server.sql(`ALTER ROLE ${OWNER} SET client_min_messages = error`)
    await setUpPostgres(server.address(), {}, call())
    const store = openPostgresStore(server.address(), {})
    onTestFinished(() => store.close())
    const letThrough = () =>
      server.sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
    const claim = claimOf('nightly')
    const later = claimOf('nightly', { base: claim })
    const writeLock = (version: number, expected: number | 'absent') =>
      store.writeEntry({ task: 'nightly', kind: '#lock' }, { version, document: { version } }, expected, call())
    const writes = [
      () => store.put(claim, 'absent', call()),
      () => store.put(later, claim, call()),
      () => store.note(claim, rejectionOf('x'), call()),
      () => writeLock(1, 'absent'),
      () => writeLock(2, 1),
    ]
    for (const write of writes) {
      for (let time = 1; time <= 3; time += 1) {
        const reply = write().catch((error: unknown) => error)
        await expect.poll(letThrough, { timeout: 60_000 }).toBe('t')
        const message = expect.stringContaining('canceling wait for synchronous replication')
        expect(await reply).toMatchObject({ kind: 'unreachable', message, changedNothing: false })
      }
    }
    expect(await store.get(claim, call())).toMatchObject({ ...later, rejections: { count: 1 } })

    const ledger = createLedger({ store: server.address() })
    onTestFinished(() => ledger.close())
    const declare = () => ledger.declare({ task: 'nightly', schedule: '0 3 * * *', ledgerTimeoutMs: 2_000 })
    const known = { task: 'nightly', slot: new Date(claim.slot), state: 'completed', reason: 'by hand' } as const
    const resolve = () => ledger.resolve({ ...known, runId: claim.ownerRunId, ledgerTimeoutMs: 2_000 })
    for (const change of [declare, declare, resolve, resolve]) {
      const reply = change().catch((error: unknown) => error)
      let isOver = false
      void reply.then(() => {
        isOver = true
      })
      await expect.poll(() => [letThrough(), isOver].at(-1), { timeout: 60_000 }).toBe(true)
      expect(await reply).toMatchObject({ kind: 'unreachable', changedNothing: false })
    }
  },
)

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  listener.close()
  await once(listener, 'close')
  return port
}
