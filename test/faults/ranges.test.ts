import { appendFileSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { chanceOf } from '../sim/chance.ts'
import { seedsUpTo } from '../sim/seeds.ts'
import { clockAt, cronledger, type Ended, scratch, start } from '../support/cli.ts'
import { awsEnv, type Server, startDynalite } from '../support/servers.ts'

// Random days of a batch that exports what has arrived since the last success, with real processes. What they must do follows
// from the guide alone. `SEED=17` plays one day again, and `SEEDS=50` more of them. Every second one is on DynamoDB.

const SEEDS = process.env['SEED'] ? [Number(process.env['SEED'])] : seedsUpTo(Number(process.env['SEEDS'] ?? 2))
const HOURS = 6
/** The clock of a process stands, so the lease of a run that was killed does not end while another one waits. */
const OPTIONS = ['--schedule', '0 * * * *', '--since-last-success', '--overlap-timeout', '20s'] as const
const folder = scratch()
let server: Server
beforeAll(async () => {
  server = await startDynalite()
  await cronledger(['setup'], { env: ledgerOf(2) })
})
afterAll(() => server.stop())

function ledgerOf(seed: number): Readonly<Record<string, string>> {
  if (seed % 2 === 0) return { CRONLEDGER_STORE: 'dynamodb:ledger', ...awsEnv(server) }
  return { CRONLEDGER_STORE: `file:${join(folder, `${seed}.db`)}` }
}

const at = (hour: number, minute = 0) => new Date(Date.UTC(2026, 10, 24, hour, minute)).toISOString()
const slotOf = (hour: number) => at(hour).replace('.000', '')

/** The batch writes what it has exported, and fails or kills cronledger before or after that, as it is told. */
const BATCH = `
[ "$PLAN" != fail ] || exit 3
[ "$PLAN" != killed ] || { kill -9 $PPID; exit; }
echo "$CRONLEDGER_RUN_SINCE $CRONLEDGER_RUN_SLOT $PLAN" >>"$LOG"
[ "$PLAN" != late ] || kill -9 $PPID`

test.for(SEEDS)(
  'day %i of lost and late triggers, failures and kills: each hour is exported once, or cautioned',
  async (seed) => {
    const { chance, int } = chanceOf(seed)
    const [task, log] = [`export-${seed}`, join(folder, `${seed}.log`)]
    const trail: string[] = []
    const env = (hour: number, minute: number, plan = 'ok') => ({
      ...clockAt(at(hour, minute)),
      ...ledgerOf(seed),
      LOG: log,
      PLAN: plan,
    })
    const note = (text: string, { code, stderr }: Ended) => {
      trail.push(`${text}: ${code} ${stderr.split('\n')[0]}`)
      return code
    }
    const trigger = async (slot: number, hour: number, minute: number, plan = 'ok') => {
      const args = ['run', task, ...OPTIONS, '--event-time', at(slot), '--', 'sh', '-c', BATCH]
      return note(
        `at ${hour}:${minute} trigger of ${slot}, ${plan}`,
        await start(args, { env: env(hour, minute, plan) }).ended,
      )
    }
    const plan = () => (chance(60) ? 'ok' : (['fail', 'killed', 'late'][int(0, 2)] ?? 'ok'))
    const rerun = async (hour: number, minute: number, how: string) => {
      const range = ['--from', at(0), '--until', at(Math.min(hour, HOURS), 1)]
      const why = ['--reason', 'again', '--by', 'ada', '--keep-going']
      const args = ['rerun', task, ...range, ...why, '--', 'sh', '-c', BATCH]
      return note(`at ${hour}:${minute} rerun, ${how}`, await start(args, { env: env(hour, minute, how) }).ended)
    }
    const findings = async (hour: number) => {
      const args = ['check', task, '--since', at(0), '--until', at(HOURS, 1), '--format', 'json']
      const { stdout } = await cronledger(args, { env: env(hour, 10) })
      return JSON.parse(stdout) as readonly { readonly kind: string; readonly slot: string }[]
    }
    const done = () => {
      const counts = Array.from({ length: HOURS }, () => [] as string[])
      for (const line of readFileSync(log, 'utf8').trim().split('\n')) {
        const [since = '', slot = '', how = ''] = line.split(' ')
        for (const [hour, one] of counts.entries()) if (since < slotOf(hour) && slotOf(hour) <= slot) one.push(how)
      }
      return counts
    }

    await trigger(0, 0, 1)
    rmSync(log)
    appendFileSync(log, `${slotOf(-1)} ${slotOf(0)} ok\n`)
    for (let hour = 1; hour < HOURS; hour++) {
      const late = int(1, hour)
      const both = [
        ...(chance(65) ? [trigger(hour, hour, 1, plan())] : []),
        ...(chance(30) ? [trigger(late, hour, 1, plan())] : []),
      ]
      await Promise.all(both)
      // A repair waits until the lease of a run that was killed in it has run out, and here, the clock stands.
      if (chance(20)) await rerun(hour, 30, chance(60) ? 'ok' : 'fail')
    }
    // On the next morning, the operator looks at what check says, decides about what may have been done, and runs the rest again.
    // The clock goes on from one command to the next.
    for (let hour = HOURS; hour < HOURS + 3; hour++) {
      for (const { kind, slot } of await findings(hour)) {
        trail.push(`check: ${kind} ${slot}`)
        if (kind !== 'stale') continue
        const state = done()[new Date(slot).getUTCHours()]?.includes('late') ? 'completed' : 'failed'
        const words = ['--slot', slot, '--state', state, '--reason', 'looked', '--by', 'ada']
        note(`resolve ${slot} ${state}`, await cronledger(['resolve', task, ...words], { env: env(hour, 20) }))
      }
      await rerun(hour, 30, 'ok')
    }
    expect(await findings(HOURS + 3), trail.join('\n')).toEqual([])
    for (const [hour, how] of done().entries()) {
      expect(how.length, `hour ${hour} was not done\n${trail.join('\n')}`).toBeGreaterThan(0)
      // Only after a kill it is unknown whether the work was done, and cronledger says so.
      expect(
        how.filter((one) => one === 'ok').length,
        `hour ${hour}: ${how}\n${trail.join('\n')}\n${readFileSync(log)}`,
      ).toBeLessThan(2)
    }
  },
)
