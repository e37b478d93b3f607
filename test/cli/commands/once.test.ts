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
    const own = { env: { CRONLEDGER_LOG: 'quiet', CRONLEDGER_STORE: ledger.store, ...ledger.env } }
    const checkArgs = (command: string) => ['check', `${name}/*`, '--once', name, '--notify', command]
    return {
      name,
      at: (time: string) => {
        const { cronledger, start } = commandsAt(time)
        return {
          run(task: string, command: string) {
            const options = ['--schedule', '0 * * * *', '--max-attempts', '9']
            return cronledger(['run', `${name}/${task}`, ...options, '--', command], own)
          },
          resolve(task: string, slot: string, state: string) {
            const options = ['--slot', slot, '--state', state, '--reason', 'looked at it']
            return cronledger(['resolve', `${name}/${task}`, ...options], own)
          },
          check: (command = `cat >>${told}`) => cronledger(checkArgs(command), own),
          start: () => start(checkArgs(`cat >>${told}`), own),
        }
      },
      groups(): Loose[] {
        const lines = existsSync(told) ? readFileSync(told, 'utf8').trim().split('\n') : []
        return lines.flatMap((line) => {
          const message = JSON.parse(line)
          expect(validate(message), JSON.stringify(validate.errors)).toBe(true)
          return message.groups
        })
      },
    }
  }

  test('two checkers at the same time tell a problem once', async () => {
    const { at, groups } = receiver()
    for (const task of ['a', 'b', 'c']) await at('2026-11-24T01:00:00Z').run(task, 'false')
    const { check } = at('2026-11-24T01:01:00Z')
    await Promise.all([check(), check(), check()])
    const told = groups().flatMap(({ tasks }) => tasks)
    expect(told.map((task) => task.slice(-1)).sort()).toEqual(['a', 'b', 'c'])
  })

  // `SEED=17 TOLD_ROUNDS=500` plays another, longer night.
  test('in a random night with killed checks, failing commands, repairs and unreadable tasks, each task with a problem is in an open alert, and no other alert is open', {
    timeout: 3_600_000,
  }, async () => {
    const random = xoroshiro128plus(Number(process.env['SEED'] ?? 1))
    const int = (from: number, to: number) => uniformInt(random, from, to)
    const { name, at, groups } = receiver()
    for (const [variable, value] of Object.entries(ledger.env)) vi.stubEnv(variable, value)
    const { store } = await openStore(ledger.store, process.env)
    onTestFinished(() => {
      store.close()
      vi.unstubAllEnvs()
    })
    const HOUR_MS = 3_600_000
    const MINUTE_MS = 60_000
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
        await at(time()).resolve(task, time(oldest), state)
        slots.get(task)?.set(oldest, true)
      } else if (slots.get(task)?.get(slot) !== true) {
        const isDone = int(1, 2) === 1
        await at(time()).run(task, isDone ? 'true' : 'false')
        slots.get(task)?.set(slot, isDone)
      }
    }
    for (const task of TASKS) await at(time()).run(task, 'true')
    for (let round = 1; round <= Number(process.env['TOLD_ROUNDS'] ?? 12); round += 1) {
      now += int(1, 50) * MINUTE_MS
      for (let changes = int(0, 3); changes > 0; changes -= 1) await change()
      const { check, start } = at(time())
      const fate = int(1, 6)
      if (fate === 1) {
        const running = start()
        await Promise.race([delay(int(100, 900)), running.exited])
        running.child.kill('SIGKILL')
        await running.ended
        continue
      }
      if (fate === 2) {
        await check('exit 7')
        continue
      }
      const both = Array.from({ length: fate === 3 ? 2 : 1 }, () => check())
      for (const { code } of await Promise.all(both)) expect([0, 1]).toContain(code)
      const alerts = new Map<string, Set<string>>()
      for (const { id, change, tasks } of groups())
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
      code: 77,
      stdout: '',
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
