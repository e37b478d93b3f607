// Failures of other programs with a timer, by repository and issue, replayed against the library.
import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createLedger, type LedgerTask, type TaskOptions } from '../src/index.ts'
import { scratch } from './support/cli.ts'

const folder = scratch()
const DAY_MS = 86_400_000
const RANGE = { since: '2026-11-20T00:00:00Z', until: '2026-11-28T00:00:00Z' }
const at = (day: number, time = '06:00:00') => `2026-11-${day}T${time}.000Z`

interface World {
  task(more?: Partial<TaskOptions>): LedgerTask
  readonly done: string[]
  tick(task: LedgerTask, instant: string): Promise<string>
}

async function problems(task: LedgerTask): Promise<string[]> {
  vi.setSystemTime(RANGE.until)
  const found: string[] = []
  for await (const { slot, kind } of task.check(RANGE)) found.push(`${kind} ${new Date(slot).toISOString()}`)
  return found
}

async function whileStopped({ task, tick, done }: World): Promise<void> {
  await tick(task(), at(23))
  await tick(task(), at(25))
  expect(await problems(task())).toContain(`missed ${at(24)}`)
  await tick(task({ catchUpMs: 7 * DAY_MS }), at(26))
  expect(done).toEqual([at(23), at(25), at(24), at(26)])
}

async function restart({ task, tick, done }: World): Promise<void> {
  await tick(task(), at(22))
  const restarted = task({ catchUpMs: 7 * DAY_MS })
  expect(await tick(restarted, at(22, '09:00:00'))).toBe('duplicate')
  await tick(restarted, at(25, '09:00:00'))
  expect(done).toEqual([22, 23, 24, 25].map((day) => at(day)))
}

async function runByHand({ task, tick, done }: World): Promise<void> {
  await tick(task(), at(23))
  vi.setSystemTime(at(23, '16:58:00'))
  expect(await task().run(() => 'by hand')).toMatchObject({ status: 'duplicate', slot: new Date(at(23)) })
  expect(await tick(task(), at(24))).toBe('completed')
  expect(done).toEqual([at(23), at(24)])
}

const REPLAYS: Readonly<Record<string, (world: World) => Promise<void>>> = {
  'getpaseo/paseo#2819': async ({ task, tick, done }) => {
    const weekly = task({ schedule: '0 6 * * 1' })
    expect(await tick(weekly, at(16))).toBe('completed')
    expect(await tick(weekly, at(16, '06:00:27'))).toBe('duplicate')
    expect(weekly.nextSlot(new Date(at(16)))).toEqual(new Date(at(23)))
    expect(await tick(weekly, at(23))).toBe('completed')
    expect(done).toEqual([at(16), at(23)])
  },
  'vm0-ai/vm0#8091': async ({ task, tick, done }) => {
    const both = await Promise.all([tick(task(), at(24, '06:01:00')), tick(task(), at(24, '06:01:00'))])
    expect(both.toSorted()).toEqual(['completed', 'duplicate'])
    expect(done).toEqual([at(24)])
  },
  'kelektiv/node-cron#180': async ({ task, tick, done }) => {
    expect(await tick(task(), at(24, '05:59:53'))).toBe('completed')
    expect(await tick(task(), at(24))).toBe('duplicate')
    expect(done).toEqual([at(24)])
  },
  'openclaw/openclaw#104412': whileStopped,
  'sidekiq/sidekiq#6758': whileStopped,
  'openclaw/openclaw#73644': async ({ task, tick, done }) => {
    await tick(task(), at(21))
    await tick(task(), at(24))
    expect(done).toEqual([at(21), at(24)])
    await tick(task({ catchUpMs: 2 * DAY_MS }), at(25))
    expect(done).toEqual([at(21), at(24), at(23), at(25)])
  },
  'openclaw/openclaw#42640': restart,
  'NousResearch/hermes-agent#104312': restart,
  'openclaw/openclaw#17852': async ({ task, tick }) => {
    const daily = task()
    await tick(daily, at(23, '06:00:41'))
    expect(daily.nextSlot((await daily.since()) ?? undefined)).toEqual(new Date(at(24)))
  },
  'NousResearch/hermes-agent#105690': runByHand,
  'NousResearch/hermes-agent#110412': runByHand,
  'node-cron/node-cron#120': async ({ task, tick, done }) => {
    const minutely = task({ schedule: '* * * * *' })
    const ticks = ['06:00:00', '06:00:01', '06:00:50', '06:02:03']
    expect(await Promise.all(ticks.slice(0, 3).map((time) => tick(minutely, at(24, time))))).toContain('duplicate')
    await tick(minutely, at(24, '06:02:03'))
    expect(done).toEqual([at(24, '06:00:00'), at(24, '06:02:00')])
    expect(await problems(minutely)).toContain(`missed ${at(24, '06:01:00')}`)
  },
  'NousResearch/hermes-agent#113603': async ({ task, tick, done }) => {
    vi.setSystemTime(at(23))
    const failing = task().tick(at(23), () => Promise.reject(new Error('exit code 1')))
    expect(await failing).toMatchObject({ status: 'failed' })
    expect(await tick(task(), at(25))).toBe('completed')
    expect(await problems(task())).toEqual(expect.arrayContaining([`failed ${at(23)}`, `missed ${at(24)}`]))
    expect(done).toEqual([at(25)])
  },
  'NousResearch/hermes-agent#108802': async ({ task }) => {
    vi.setSystemTime(at(23))
    const hangs = new EventEmitter()
    const dead = task().tick(at(23), () => {
      hangs.emit('started')
      return once(hangs, 'end')
    })
    await once(hangs, 'started')
    expect(await problems(task())).toContain(`stale ${at(23)}`)
    hangs.emit('end')
    await dead
  },
  'node-cron/node-cron#457': async ({ task, tick, done }) => {
    const minutely = task({ schedule: '* * * * *', catchUpMs: 600_000, graceMs: 0 })
    await tick(minutely, at(24))
    await tick(minutely, at(24, '06:03:02'))
    expect(done).toEqual(['06:00:00', '06:01:00', '06:02:00', '06:03:00'].map((time) => at(24, time)))
  },
  'oban-bg/oban-py#17': async ({ task, tick, done }) => {
    await tick(task(), at(22))
    expect(await Promise.all([tick(task(), at(24)), tick(task(), at(24, '06:01:00'))])).toContain('duplicate')
    expect(await problems(task())).toContain(`missed ${at(23)}`)
    expect(done).toEqual([at(22), at(24)])
  },
}

// Only the wall clock: each tick comes at its time.
beforeAll(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterAll(() => void vi.useRealTimers())

test.each(Object.entries(REPLAYS))('%s does not happen with a ledger', async (source, replay) => {
  const ledger = createLedger({ store: `file:${folder}/${source.replaceAll('/', '-')}.db` })
  const done: string[] = []
  await replay({
    done,
    task: (more) => ledger.task({ task: 'daily', schedule: '0 6 * * *', ...more }),
    async tick(task, instant) {
      vi.setSystemTime(instant)
      return (await task.tick(instant, ({ slot }) => void done.push(slot.toISOString()))).status
    },
  })
  await ledger.close()
})

test.each([
  [
    'a second signal ends a work that does not end',
    "({ signal }) => new Promise(() => { signal.onabort = () => console.log('stops'); console.log('works') })",
    ['works', 'SIGTERM', 'stops', 'SIGTERM'],
    [null, 'SIGTERM'],
  ],
  [
    'a program with a listener of its own decides when it ends',
    "({ signal }) => new Promise((_, fail) => { signal.onabort = () => fail(signal.reason); process.on('SIGTERM', () => {}); console.log('works') })",
    ['works', 'SIGTERM', 'failed: stopped by SIGTERM', 'SIGKILL'],
    [null, 'SIGKILL'],
  ],
])('a stop of the process: %s', async (name, work, steps, ended) => {
  const options = JSON.stringify({ task: 'daily', schedule: '0 6 * * *' })
  const library = new URL('../dist/index.js', import.meta.url).href
  const program = `import { createLedger } from '${library}'
    setInterval(() => {}, 1e6)
    const outcome = await createLedger({ store: 'file:${folder}/${name.length}.db' }).task(${options}).tick(new Date(), ${work})
    console.log(outcome.status + ': ' + outcome.error.message)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exit = once(child, 'exit')
  for (const step of steps) {
    if (step.startsWith('SIG')) child.kill(step as NodeJS.Signals)
    else expect(String(await once(child.stdout, 'data').then(([text]) => text))).toBe(`${step}\n`)
  }
  expect(await exit).toEqual(ended)
})
