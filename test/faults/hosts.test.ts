import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isUnreadable } from '../../src/core/row/status.ts'
import type { Row } from '../../src/core/types.ts'
import type { Store } from '../../src/store/store.ts'
import { cronledger, scratch } from '../support/cli.ts'
import { type Host, hasHosts, hostBooter } from '../support/processes/hosts.ts'
import { type FaultyProxy, startFaultyProxy } from '../support/proxy.ts'
import { awsEnv, openTestStore, type Server, startDynalite } from '../support/servers.ts'

// Takeovers between hosts that do not see each other's processes: the lease alone decides.

const folder = scratch()
const boot = hostBooter()
let server: Server
let proxy: FaultyProxy
let store: Store
beforeAll(async () => {
  server = await startDynalite()
  proxy = await startFaultyProxy(server.endpoint)
  await cronledger(['setup', '--store', 'dynamodb:ledger'], { env: awsEnv(server) })
  store = openTestStore(server.endpoint)
})
afterAll(async () => {
  store.close()
  proxy.close()
  await server.stop()
})

/** A lease that a test can wait for. A renewal has 10 s for its answer, and a batch has 8 s to stop. */
const SKEW_MS = 3_000
const TWICE = ['--lease', '25s', '--heartbeat', '4s', '--skew', '3s', '--kill-after', '8s', '--max-attempts', '2']
const SLOT = Date.parse('2026-11-22T03:00:00Z')

/** A batch that notices another one that runs at the same time. It ends when the file `go` exists, or with SIGTERM. */
const BATCH = `mkdir busy || echo beside >> bad
trap 'echo told; rmdir busy; exit 0' TERM
echo "began $CRONLEDGER_RUN_ATTEMPT"
until [ -e go ]; do sleep 0.05; done
rmdir busy
exit 0`

let places = 0

function newTask() {
  const cwd = join(folder, `place-${++places}`)
  mkdirSync(cwd)
  const task = `task-${places}`

  async function row(): Promise<Row | null> {
    const found = await store.get({ task, slot: SLOT }, { signal: AbortSignal.timeout(120_000) })
    if (found !== null && isUnreadable(found)) throw new Error('a row of another version')
    return found
  }
  const schedule = ['--store', 'dynamodb:ledger', '--task', task, '--schedule', '0 3 * * *']
  return {
    row,
    run(host: Host, more: Readonly<Record<string, string>> = {}) {
      const args = ['run', ...schedule, '--event-time', '2026-11-22T03:00:05Z', ...TWICE, '--', 'sh', '-c', BATCH]
      return host.start(args, { cwd, env: { ...awsEnv(server), ...more } })
    },
    /** When the lease of a slot whose owner renews it no more may be taken over. */
    async leaseIsOver(): Promise<number> {
      for (;;) {
        const endMs = ((await row())?.leaseUntil ?? 0) + SKEW_MS
        if (Date.now() > endMs) return endMs
        await delay(100)
      }
    },
    go: () => writeFileSync(join(cwd, 'go'), ''),
    tidy: () => rmSync(join(cwd, 'busy'), { recursive: true }),
    wasBeside: () => existsSync(join(cwd, 'bad')) && readFileSync(join(cwd, 'bad'), 'utf8'),
  }
}

const TAKEN_OVER = {
  state: 'COMPLETED',
  attempts: [
    { number: 1, host: 'host-a', outcome: 'abandoned' },
    { number: 2, host: 'host-b', outcome: 'succeeded' },
  ],
}
const hostsOf = () => Promise.all([boot('host-a'), boot('host-b')])
/** The output of a batch whose host was thawed past its lease. The supervisor may have to kill it at once. */
const STOPPED = /^began 1\n(told\n)?$/

describe.skipIf(!hasHosts).concurrent('a slot whose owner is on another host', () => {
  // promise: killed
  test('a host that is lost: another one takes over when the lease is over', async () => {
    const [a, b] = await hostsOf()
    const { run, row, go, tidy, leaseIsOver, wasBeside } = newTask()
    const first = run(a)
    await first.printed('began 1')
    await a.lose()
    tidy()
    const endMs = await leaseIsOver()
    go()
    expect(await run(b).ended).toMatchObject({ code: 0, stdout: 'began 2\n' })
    const found = await row()
    expect(found).toMatchObject(TAKEN_OVER)
    expect(found?.attempts[1]?.startedAt).toBeGreaterThanOrEqual(endMs)
    expect(wasBeside()).toBe(false)
  })

  // promise: paused-past-lease
  test('a host that is frozen past its lease, then thawed: it stops its batch, and cannot overwrite the new owner', async () => {
    const [a, b] = await hostsOf()
    const { run, row, go, leaseIsOver } = newTask()
    const first = run(a)
    await first.printed('began 1')
    a.freeze()
    await leaseIsOver()
    const second = run(b)
    await second.printed('began 2')
    a.thaw()
    expect(await first.ended).toMatchObject({
      code: 73,
      stdout: expect.stringMatching(STOPPED),
      stderr: expect.stringMatching(/"event":"lease-lost"[\s\S]*another run took over this slot/),
    })
    expect(await row()).toMatchObject({ state: 'PENDING', attempts: [{ outcome: 'abandoned' }, { host: 'host-b' }] })
    go()
    expect(await second.ended).toMatchObject({ code: 0 })
    expect(await row()).toMatchObject({ state: 'COMPLETED', attempts: [{ outcome: 'abandoned' }, { number: 2 }] })
  })

  // promise: host-cut-off
  test('a host that is cut off from the ledger: its batch is gone before another begins, and its late writes change nothing', async () => {
    const [a, b] = await hostsOf()
    const { run, row, go, leaseIsOver, wasBeside } = newTask()
    const first = run(a, awsEnv({ endpoint: proxy.url }))
    await first.printed('began 1')
    proxy.treat(() => 'cutAndHold')
    await leaseIsOver()
    const second = run(b)
    await second.printed('began 2')
    expect(wasBeside()).toBe(false)
    expect(await first.ended).toMatchObject({
      code: 73,
      stdout: 'began 1\ntold\n',
      stderr: expect.stringMatching(/"event":"lease-lost"/),
    })
    go()
    expect(await second.ended).toMatchObject({ code: 0 })
    const before = await row()
    await proxy.release()
    expect(await row()).toEqual(before)
    expect(before).toMatchObject(TAKEN_OVER)
  })
})
