import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isUnreadable } from '../../src/core/row/status.ts'
import type { Row } from '../../src/core/types.ts'
import { openFileStore } from '../../src/store/file/file-store.ts'
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
const stores: Store[] = []
beforeAll(async () => {
  server = await startDynalite()
  proxy = await startFaultyProxy(server.endpoint)
  await cronledger(['setup', '--store', 'dynamodb:ledger'], { env: awsEnv(server) })
})
afterAll(async () => {
  for (const store of stores) store.close()
  proxy.close()
  await server.stop()
})

/** A lease that a test can wait for. A renewal has 5 s for its answer, and a batch has 3 s to stop. */
const SKEW_MS = 3_000
const SHORT = ['--lease', '25s', '--heartbeat', '5s', '--skew', '3s', '--kill-after', '3s']
const DAYS = ['2026-11-22T03:00:05Z', '2026-11-23T03:00:05Z'] as const
type Day = 0 | 1

/** A batch that notices another one that runs at the same time. It ends when the file `go` exists, or with SIGTERM. */
const BATCH = `mkdir busy || echo beside >> bad
trap 'echo told; rmdir busy; exit 0' TERM
echo "began $CRONLEDGER_RUN_ATTEMPT"
until [ -e go ]; do sleep 0.05; done
rmdir busy
exit 0`

type Kind = 'file' | 'dynamodb'
let places = 0

/** A ledger, and a folder for the batch, which all hosts see. */
async function host(kind: Kind) {
  const cwd = join(folder, `place-${++places}`)
  mkdirSync(cwd)
  const task = `task-${places}`
  const path = join(cwd, 'ledger.db')
  const named = kind === 'file' ? `file:${path}` : 'dynamodb:ledger'
  const env = kind === 'file' ? {} : awsEnv(server)
  if (kind === 'file') expect(await cronledger(['setup', '--store', named])).toMatchObject({ code: 0 })
  const store = kind === 'file' ? openFileStore(path) : openTestStore(server.endpoint)
  stores.push(store)

  async function row(day: Day = 0): Promise<Row | null> {
    const slot = Math.floor(Date.parse(DAYS[day]) / 60_000) * 60_000
    const found = await store.get({ task, slot }, { signal: AbortSignal.timeout(120_000) })
    if (found !== null && isUnreadable(found)) throw new Error('a row of another version')
    return found
  }
  const schedule = ['--store', named, '--task', task, '--schedule', '0 3 * * *']
  return {
    cwd,
    row,
    run(host: Host, day: Day, options: readonly string[] = [], more: Readonly<Record<string, string>> = {}) {
      const args = ['run', ...schedule, '--event-time', DAYS[day], ...options, '--', 'sh', '-c', BATCH]
      return host.start(args, { cwd, env: { ...env, ...more } })
    },
    /** When the lease of a slot whose owner renews it no more may be taken over. */
    async leaseIsOver(day: Day = 0): Promise<number> {
      for (;;) {
        const endMs = ((await row(day))?.leaseUntil ?? 0) + SKEW_MS
        if (Date.now() > endMs) return endMs
        await delay(100)
      }
    },
    go: () => writeFileSync(join(cwd, 'go'), ''),
    /** Removes the mark of a batch that was lost with its host. */
    tidy: () => rmSync(join(cwd, 'busy'), { recursive: true }),
    wasBeside: () => existsSync(join(cwd, 'bad')) && readFileSync(join(cwd, 'bad'), 'utf8'),
  }
}

const hostsOf = () => Promise.all([boot('host-a'), boot('host-b')])
const TWICE = [...SHORT, '--max-attempts', '2']
const WAIT = [...SHORT, '--overlap', 'wait']
/** The output of a batch whose host was thawed past its lease. The supervisor may have to kill it at once. */
const STOPPED = /^began 1\n(told\n)?$/

describe.skipIf(!hasHosts).concurrent('a slot whose owner is on another host', () => {
  test.each<Kind>(['file', 'dynamodb'])(
    '%s: a host that is lost: another one takes over when the lease is over',
    async (kind) => {
      const [a, b] = await hostsOf()
      const { run, row, go, tidy, leaseIsOver, wasBeside } = await host(kind)
      const first = run(a, 0, TWICE)
      await first.printed('began 1')
      await a.lose()
      tidy()
      const endMs = await leaseIsOver()
      go()
      expect(await run(b, 0, TWICE).ended).toMatchObject({ code: 0, stdout: 'began 2\n' })
      const found = await row()
      expect(found).toMatchObject({
        state: 'COMPLETED',
        attempts: [
          { number: 1, host: 'host-a', outcome: 'abandoned' },
          { number: 2, host: 'host-b', outcome: 'succeeded' },
        ],
      })
      expect(found?.attempts[1]?.startedAt).toBeGreaterThanOrEqual(endMs)
      expect(wasBeside()).toBe(false)
    },
  )

  test('a host that is frozen past its lease, then thawed: it stops its batch, and cannot overwrite the new owner', async () => {
    const [a, b] = await hostsOf()
    // Not a file: a process that is stopped in the middle of a transaction keeps its lock.
    const { run, row, go, leaseIsOver } = await host('dynamodb')
    const first = run(a, 0, TWICE)
    await first.printed('began 1')
    a.freeze()
    await leaseIsOver()
    const second = run(b, 0, TWICE)
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

  test('a host that is cut off from the ledger: its batch is gone before another begins, and its late writes change nothing', async () => {
    const [a, b] = await hostsOf()
    const { run, row, go, leaseIsOver, wasBeside } = await host('dynamodb')
    const first = run(a, 0, TWICE, awsEnv({ endpoint: proxy.url }))
    await first.printed('began 1')
    proxy.treat(() => 'cutAndHold')
    await leaseIsOver()
    const second = run(b, 0, TWICE)
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
    expect(before).toMatchObject({
      state: 'COMPLETED',
      attempts: [
        { host: 'host-a', outcome: 'abandoned' },
        { host: 'host-b', outcome: 'succeeded' },
      ],
    })
  })
})

describe.skipIf(!hasHosts).concurrent('slots that must not overlap, on two hosts', () => {
  test.each<Kind>(['dynamodb'])(
    '%s: the host of the holder is lost: the other slot waits for its lease',
    async (kind) => {
      const [a, b] = await hostsOf()
      const { run, row, go, tidy, leaseIsOver, wasBeside } = await host(kind)
      const holder = run(a, 0, WAIT)
      await holder.printed('began 1')
      const waiting = run(b, 1, WAIT)
      while ((await row(1)) === null) await delay(100)
      await a.lose()
      tidy()
      await waiting.printed('began 1')
      const beganMs = Date.now()
      expect(beganMs).toBeGreaterThan(await leaseIsOver())
      go()
      expect(await waiting.ended).toMatchObject({ code: 0 })
      expect(await row(0)).toMatchObject({ state: 'PENDING', attempts: [{ host: 'host-a' }] })
      expect(await row(1)).toMatchObject({ state: 'COMPLETED', attempts: [{ host: 'host-b', outcome: 'succeeded' }] })
      expect(wasBeside()).toBe(false)
    },
  )

  test('the host of the holder is frozen past its lease, then thawed: it stops its batch, since another slot has the overlap lock', async () => {
    const [a, b] = await hostsOf()
    const { run, row, go } = await host('dynamodb')
    const holder = run(a, 0, WAIT)
    await holder.printed('began 1')
    a.freeze()
    const waiting = run(b, 1, WAIT)
    await waiting.printed('began 1')
    a.thaw()
    expect(await holder.ended).toMatchObject({
      code: 73,
      stdout: expect.stringMatching(STOPPED),
      stderr: expect.stringMatching(/"event":"lease-lost"/),
    })
    expect(await row(0)).toMatchObject({ state: 'FAILED', attempts: [{ host: 'host-a', outcome: 'leaseLost' }] })
    go()
    expect(await waiting.ended).toMatchObject({ code: 0 })
    expect(await row(1)).toMatchObject({ state: 'COMPLETED', attempts: [{ host: 'host-b', outcome: 'succeeded' }] })
  })
})
