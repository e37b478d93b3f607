import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { openStore } from '../../../src/store/open.ts'
import { setUpPostgres } from '../../../src/store/postgres/setup-postgres.ts'
import { commandsAt, type Loose, scratch } from '../../support/cli.ts'
import { hasPostgres, startPostgres } from '../../support/postgres.ts'
import { awsEnv, startDynalite } from '../../support/servers.ts'

const folder = scratch()
const schema = JSON.parse(readFileSync(new URL('../../../schema/event.schema.json', import.meta.url), 'utf8'))
const validate = new Ajv2020({ strict: true, allErrors: true }).compile({ ...schema, unevaluatedProperties: false })
const call = () => ({ signal: AbortSignal.timeout(60_000) })
let files = 0

interface Ledger {
  readonly store: string
  readonly env: Readonly<Record<string, string>>
  stop(): unknown
}

const LEDGERS: Readonly<Record<string, () => Promise<Ledger>>> = {
  file: async () => ({ store: `file:${join(folder, 'ledger.db')}`, env: {}, stop: () => undefined }),
  async dynalite() {
    const server = await startDynalite()
    return { store: 'dynamodb:ledger', env: awsEnv(server), stop: server.stop }
  },
  ...(hasPostgres && {
    async postgres() {
      const server = await startPostgres()
      await setUpPostgres(server.address(), {}, call())
      return { store: server.address(), env: {}, stop: server.remove }
    },
  }),
}

describe.each(Object.keys(LEDGERS))('what was told, in a ledger of %s', (kind) => {
  let ledger: Ledger
  beforeAll(async () => {
    ledger = (await LEDGERS[kind]?.()) ?? expect.unreachable()
    await commandsAt('2026-11-24T12:00:00Z').cronledger(['setup', '--store', ledger.store], { env: ledger.env })
  })
  afterAll(() => ledger.stop())

  /** A receiver of its own, and tasks with its name. */
  function receiver() {
    const name = `r${++files}`
    const told = join(folder, `told-${kind}-${files}`)
    const at = (time: string, day = '2026-11-24T') => commandsAt(`${day}${time}Z`)
    const own = { env: ledger.env }
    const checkArgs = (...more: readonly string[]) => [
      ...['check', `${name}/*`, '--store', ledger.store, '--once', name, ...more],
    ]
    return {
      name,
      told,
      run: (time: string, task: string, command = 'false', day?: string) =>
        at(time, day).cronledger(
          [
            ...['run', `${name}/${task}`, '--store', ledger.store, '--schedule', '0 * * * *', '--log', 'quiet'],
            ...['--owner', `team ${task}`, '--max-attempts', '9', '--', command],
          ],
          own,
        ),
      check: (time: string, command = `cat >>${told}`, day?: string, ...more: readonly string[]) =>
        at(time, day).cronledger(checkArgs('--notify', command, ...more), own),
      silent: (time: string, ...more: readonly string[]) => at(time).cronledger(checkArgs(...more), own),
      start: (time: string, command: string, day?: string) => at(time, day).start(checkArgs('--notify', command), own),
      messages: (): Loose[] =>
        existsSync(told)
          ? readFileSync(told, 'utf8')
              .trim()
              .split('\n')
              .map((line) => JSON.parse(line))
          : [],
    }
  }
  const brief = ({ event, groups }: Loose) =>
    `${event}: ${groups.map(({ change, tasks }: Loose) => `${change} ${tasks.map((task: string) => task.slice(-1)).join()}`).join('; ')}`

  test('a problem is told when it begins, when a task joins it and when it is over, under one id', async () => {
    const { run, check, messages } = receiver()
    await run('01:00:00', 'z', 'true')
    expect(await check('01:01:00')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^no problems found/) })
    await run('01:02:00', 'a')
    expect(await check('01:03:00')).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(
        /^new:\nfailed: exit code 1 · r\d+\/a · 01:00 UTC\n.*\n1 slot needs attention: 1 failed\n$/,
      ),
    })
    expect(await check('01:04:00')).toMatchObject({ code: 0, stdout: '1 slot needs attention: 1 failed\n' })
    await run('01:05:00', 'b')
    expect((await check('01:06:00')).code).toBe(1)
    await run('01:07:00', 'a', 'true')
    expect((await check('01:08:00')).code).toBe(0)
    await run('01:09:00', 'b', 'true')
    expect((await check('01:10:00')).stdout).toMatch(
      /^over: failed: exit code 1 · 1 task: r\d+\/b, 7m 0s after it was told\n/,
    )
    expect(messages().map(brief)).toEqual(['digest: new a', 'digest: joined b', 'repaired: over b'])
    for (const message of messages()) expect(validate(message), JSON.stringify(validate.errors)).toBe(true)
    expect(new Set(messages().flatMap(({ groups }) => groups.map(({ id }: Loose) => id))).size).toBe(1)
    expect(messages()[0]?.['title']).toMatch(/^failed: exit code 1 · r\d+\/a · 01:00 UTC \(team a\)$/)
  })

  test('a message whose command failed is sent by the next check, however soon it comes', async () => {
    const { run, check, messages } = receiver()
    await run('01:00:00', 'a')
    const failed = await check('01:01:00', 'echo no >&2; exit 7')
    expect(failed).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /a message was not sent: exit code 7: no\. The next check with --once r\d+ sends it again\.\n$/,
      ),
    })
    expect((await check('01:01:01')).code).toBe(1)
    expect((await check('01:01:02')).code).toBe(0)
    expect(messages().map(brief)).toEqual(['digest: new a'])
  })

  test('a checker that is killed before its message was sent: another one sends it after 10 seconds, and not before', async () => {
    const { run, check, start, told, messages } = receiver()
    await run('01:00:00', 'a')
    const killed = start('01:01:00', `echo >>${told}.began; sleep 300`)
    while (!existsSync(`${told}.began`)) await new Promise(setImmediate)
    killed.child.kill('SIGKILL')
    await killed.ended
    await check('01:01:09')
    expect(messages()).toEqual([])
    await check('01:01:11')
    expect(messages().map(brief)).toEqual(['digest: new a'])
  })

  test('two checkers at the same time tell a problem once', async () => {
    const { run, check, messages } = receiver()
    for (const task of ['a', 'b', 'c']) await run('01:00:00', task)
    await Promise.all([check('01:01:00'), check('01:01:00'), check('01:01:00')])
    const told = messages().flatMap(({ groups }) => groups.flatMap(({ tasks }: Loose) => tasks))
    expect(told.map((task) => task.slice(-1)).sort()).toEqual(['a', 'b', 'c'])
  })

  test('without --notify, what it prints is the message', async () => {
    const { run, silent } = receiver()
    await run('01:00:00', 'a')
    const [message, ...more] = JSON.parse((await silent('01:01:00', '--json')).stdout)
    expect([brief(message), more]).toEqual(['digest: new a', []])
    expect(JSON.parse((await silent('01:02:00', '--json')).stdout)).toEqual([])
  })

  test('a note about another command line is on stderr, beside what is told', async () => {
    const { run, silent } = receiver()
    await run('01:00:00', 'a', 'true')
    await run('01:00:01', 'a', 'false')
    expect(await silent('01:01:00')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^no problems found/),
      stderr: expect.stringMatching(/^cronledger: warning: r\d+\/a: .*a duplicate trigger had another command line/),
    })
  })

  test('with --notify-format cloudevents, each message is one CloudEvent, whose id is its number', async () => {
    const { run, check, messages } = receiver()
    for (const task of ['a', 'b']) await run('01:00:00', task)
    await check('01:01:00', undefined, undefined, '--notify-format', 'cloudevents')
    expect(messages()).toMatchObject([{ specversion: '1.0', type: 'cronledger.digest', data: { slots: 2 } }])
    const [{ id, data }] = messages() as [Loose]
    expect(id).toBe(data.number)
  })

  test('a name has one filter, and an entry of a newer version stays as it is', async () => {
    const { name, run, silent } = receiver()
    await run('01:00:00', 'a')
    await silent('01:01:00')
    const message = `--once ${name} is for task ${name}/*, and not for task ${name}/* --owner a. Use another name`
    expect(await silent('01:02:00', '--owner', 'a')).toMatchObject({
      code: 64,
      stderr: expect.stringContaining(message),
    })
    expect(await silent('01:02:00', '--until', '2026-11-24')).toMatchObject({ code: 64 })
    for (const [variable, value] of Object.entries(ledger.env)) vi.stubEnv(variable, value)
    const { store } = await openStore(ledger.store, process.env)
    const key = { task: `#told/${name}`, kind: '#told' } as const
    const found = (await store.readEntry(key, call())) ?? expect.unreachable()
    const newer = { ...(found.document as object), schemaVersion: 9 }
    await store.writeEntry(key, { version: found.version + 1, document: newer }, found.version, call())
    expect(await silent('01:03:00')).toMatchObject({ code: 78, stderr: expect.stringContaining('nothing was told') })
    expect((await store.readEntry(key, call()))?.document).toEqual(newer)
    store.close()
    vi.unstubAllEnvs()
  })

  // `SEED=17 TOLD_ROUNDS=500` plays another, longer night.
  test('in a random night with killed checks, failing commands, repairs and unreadable tasks, each task with a problem is in an open alert, and no other alert is open', {
    timeout: 3_600_000,
  }, async () => {
    const random = xoroshiro128plus(Number(process.env['SEED'] ?? 1))
    const int = (from: number, to: number) => uniformInt(random, from, to)
    const { name, run, check, start, told, messages } = receiver()
    for (const [variable, value] of Object.entries(ledger.env)) vi.stubEnv(variable, value)
    const { store } = await openStore(ledger.store, process.env)
    onTestFinished(() => {
      store.close()
      vi.unstubAllEnvs()
    })
    const [HOUR_MS, MINUTE_MS] = [3_600_000, 60_000]
    const begin = Date.parse('2026-11-24T00:00:30Z')
    let now = begin
    const time = (at = now) => new Date(at).toISOString().replace('.000Z', 'Z')
    const TASKS = ['a', 'b', 'c']
    const slots = new Map(TASKS.map((task) => [task, new Map([[begin - 30_000, true]])]))
    const unread = new Set<string>()
    const isOpen = (task: string, slot: number) => {
      const isDone = slots.get(task)?.get(slot)
      return isDone === undefined ? slot + 15 * MINUTE_MS <= now : !isDone
    }
    const openSlots = (task: string) => {
      const open: number[] = []
      for (let slot = begin - 30_000; slot <= now; slot += HOUR_MS) if (isOpen(task, slot)) open.push(slot)
      return open
    }
    const isBad = (task: string) => unread.has(task) || openSlots(task).length > 0
    /** Makes the record of the task one of a newer version, or puts it back. */
    const turnRecord = async (task: string) => {
      const key = { task: `${name}/${task}`, kind: '#task' } as const
      const found = (await store.readEntry(key, call())) ?? expect.unreachable()
      const { schemaVersion, ...document } = found.document as Loose
      const isDamaged = unread.delete(task)
      if (!isDamaged) unread.add(task)
      const turned = { ...document, schemaVersion: schemaVersion + (isDamaged ? -7 : 7) }
      await store.writeEntry(key, { version: found.version + 1, document: turned }, found.version, call())
    }
    const change = async () => {
      const task = TASKS[int(0, 2)] as string
      if (int(1, 8) === 1) return turnRecord(task)
      if (unread.has(task)) return
      const slot = now - (now % HOUR_MS)
      const [oldest] = openSlots(task)
      if (oldest !== undefined && int(1, 2) === 1) {
        const state = ['completed', 'skipped'][int(0, 1)] as string
        const at = ['--task', `${name}/${task}`, '--slot', time(oldest), '--state', state, '--reason', 'looked at it']
        await commandsAt(time()).cronledger(['resolve', '--store', ledger.store, ...at], { env: ledger.env })
        slots.get(task)?.set(oldest, true)
      } else if (slots.get(task)?.get(slot) !== true) {
        const isDone = int(1, 2) === 1
        await run(time().slice(11, -1), task, isDone ? 'true' : 'false', time().slice(0, 11))
        slots.get(task)?.set(slot, isDone)
      }
    }
    const at = () => [time().slice(11, -1), time().slice(0, 11)] as const
    for (const task of TASKS) await run('00:00:30', task, 'true')
    for (let round = 1; round <= Number(process.env['TOLD_ROUNDS'] ?? 12); round += 1) {
      now += int(1, 50) * MINUTE_MS
      for (let changes = int(0, 3); changes > 0; changes -= 1) await change()
      const [clock, day] = at()
      const fate = int(1, 6)
      if (fate === 1) {
        const running = start(clock, `cat >>${told}`, day)
        await Promise.race([delay(int(100, 900)), running.exited])
        running.child.kill('SIGKILL')
        await running.ended
        continue
      }
      if (fate === 2) {
        await check(clock, 'exit 7', day)
        continue
      }
      const both = Array.from({ length: fate === 3 ? 2 : 1 }, () => check(clock, `cat >>${told}`, day))
      for (const { code } of await Promise.all(both)) expect([0, 1]).toContain(code)
      const alerts = new Map<string, Set<string>>()
      for (const { id, change, tasks } of messages().flatMap(({ groups }) => groups as Loose[]))
        if (change === 'over') alerts.delete(id)
        else alerts.set(id, new Set([...(alerts.get(id) ?? []), ...tasks.map((task: string) => task.slice(-1))]))
      const open = [...alerts.values()]
      const where = `round ${round}, ${time()}`
      expect(
        TASKS.filter((task) => isBad(task) && !open.some((tasks) => tasks.has(task))),
        where,
      ).toEqual([])
      expect(
        open.map((tasks) => [...tasks]).filter((tasks) => !tasks.some(isBad)),
        where,
      ).toEqual([])
    }
  })
})

const ROLES = readFileSync(new URL('../../../schema/postgres.sql', import.meta.url), 'utf8')

test.skipIf(!hasPostgres)(
  'in PostgreSQL with row security, a checker tells, and one without the right ends with 77 before it prints or sends anything',
  async () => {
    const server = await startPostgres()
    onTestFinished(() => server.remove())
    await setUpPostgres(server.address(), {}, call())
    // Eve is the checker of a tenant.
    const ofEve = (ROLES.match(/^(GRANT|CREATE POLICY) .*cronledger_checker.*$/gm) ?? []).join('\n')
    const eve = ofEve.replaceAll('cronledger_checker', 'eve').replaceAll('POLICY ', 'POLICY eve_')
    const [ada, bob] = ['ada LOGIN IN ROLE cronledger_auditor', 'bob LOGIN IN ROLE cronledger_checker']
    server.sql(`${ROLES}; ${[ada, bob, 'eve LOGIN'].map((role) => `CREATE ROLE ${role};`).join('')}`)
    server.sql(eve.replace("'#told/'", "'#told/crm/'"))
    const at = commandsAt('2026-11-24T01:01:00Z')
    const on = (user: string, name: string, ...args: readonly string[]) =>
      at.cronledger([name, '--store', server.address(user), ...args])
    expect(
      await on('owner', 'run', '--task', 'crm/sync', '--log', 'quiet', '--schedule', '0 * * * *', '--', 'false'),
    ).toMatchObject({ code: 1 })
    const sent = join(folder, 'sent')
    const denied = (name: string) => ({
      ...{ code: 77, stdout: '' },
      stderr: expect.stringMatching(
        new RegExp(`Nothing was told\\. A checker must write the item #told/${name}: give it the policy "told" in`),
      ),
    })
    for (const more of [[], ['--json'], ['--notify', `cat >${sent}`]]) {
      expect(await on('ada', 'check', '--once', 'ops', ...more)).toMatchObject(denied('ops'))
      expect(await on('eve', 'check', '--once', 'ops', ...more)).toMatchObject(denied('ops'))
    }
    expect(existsSync(sent)).toBe(false)
    for (const [user, name] of [
      ['bob', 'ops'],
      ['eve', 'crm/ops'],
    ] as const) {
      const told = { code: 1, stdout: expect.stringMatching(/^open at the first check:\nfailed: exit code 1 /) }
      expect(await on(user, 'check', '--once', name)).toMatchObject(told)
      expect((await on(user, 'check', '--once', name)).code).toBe(0)
      // It writes nothing else.
      const skip = ['--task', 'crm/sync', '--slot', 'latest', '--state', 'skipped', '--reason', 'a holiday']
      expect((await on(user, 'resolve', ...skip)).code).toBe(77)
    }
  },
)
