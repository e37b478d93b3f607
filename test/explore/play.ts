import type { Settings } from '../../src/run/settings.ts'
import { readSettings } from '../../src/run/settings.ts'
import type { Action, Left } from './actions.ts'
import type { Host } from './host.ts'
import { type Scenario, SHORT, START_MS } from './scenario.ts'
import { World } from './world.ts'

/** A schedule takes some dozens of steps. If it takes more than this, we treat it as one that never ends. */
const MAX_STEPS = 1_500
/** Past the horizon, work goes on for this long. A supervisor that woke has less time than this to stop its work. */
const WORK_GOES_ON_MS = 20_000

/**
 * - `ended`: every process ended, and no request is left.
 * - `merged`: the schedule met a state that was explored before.
 * - `horizon`: time passed the horizon, and the schedule went on to its end in one way.
 */
export type Cut = 'ended' | 'merged' | 'horizon'

interface Played {
  readonly cut: Cut
  readonly broken: readonly string[]
  readonly trail: readonly string[]
}

/** Returns which of `count` steps to take, or null to give the schedule up. `state` returns a number for the state. */
export type Choose = (count: number, state: () => number, left: Left) => number | null

export async function play(
  scenario: Scenario,
  choose: Choose,
  traced = false,
  settings: Settings = termsOf(scenario),
): Promise<Played> {
  const broken: string[] = []
  const trail: string[] = []
  const hear = listener()
  const world = new World(scenario, settings, (promise, text) => broken.push(`${promise}: ${text}`))
  const lateMs = START_MS + scenario.horizonMs + WORK_GOES_ON_MS
  let cut: Cut = 'ended'
  for (let step = 1; broken.length === 0; step++) {
    const actions = world.actions()
    let chosen: number | null = null
    if (actions.length > 0) {
      chosen =
        cut === 'horizon'
          ? usual(actions, world.nowMs() < lateMs)
          : choose(actions.length, () => world.hash(actions), world.left)
      if (chosen === null && cut === 'ended') cut = 'merged'
    }
    const action = chosen === null ? undefined : actions[chosen]
    if (action === undefined) break
    if (action.kind === 'tick' && action.toMs > START_MS + scenario.horizonMs) cut = 'horizon'
    if (traced) trail.push(`${String(step).padStart(3)} ${describe(action, world.nowMs())}`)
    await world.take(action)
    if (traced) trail.push(...world.hosts.flatMap(hear))
    world.check()
    if (step > MAX_STEPS) broken.push(`every process ends: not after ${MAX_STEPS} steps`)
  }
  for (const { life, plan } of world.hosts) {
    if (cut === 'merged' || broken.length > 0 || life !== 'alive') continue
    broken.push(`every process ends: ${plan.name} waits for something that never comes`)
  }
  return { cut, broken, trail }
}

/** Shorter than half of the lease, which a run has, so that a scenario has fewer steps. */
const FINISH_TIMEOUT_MS = 12_000

export function termsOf({ settings }: Scenario): Settings {
  return { ...readSettings({ ...SHORT, ...settings }), finishTimeoutMs: FINISH_TIMEOUT_MS }
}

/** Returns the index of the next step past the horizon, or null. It disturbs nothing, and late requests land last. */
function usual(actions: readonly Action[], worksGoOn: boolean): number | null {
  const later = worksGoOn ? ['tick', 'end'] : ['end', 'tick']
  for (const kind of ['wake', 'recovery', 'overdue', 'answer', 'deliver', ...later, 'land']) {
    const index = actions.findIndex(
      (action) => action.kind === kind && !('outcome' in action && action.outcome === 'failed'),
    )
    if (index !== -1) return index
  }
  return null
}

const seconds = (ms: number) => ((ms - START_MS) / 1000).toFixed(3)

function describe(action: Action, nowMs: number): string {
  const at = `${seconds(nowMs).padStart(8)} s `
  if (action.kind === 'tick') return `${at} time passes until ${seconds(action.toMs)} s`
  if ('request' in action) {
    const { host, verb, number, row } = action.request
    const attempt = row?.attempts.at(-1)
    const end = attempt?.outcome ?? attempt?.phase
    const what = row === null ? '' : ` of version ${row.version}: ${row.state}, attempt ${attempt?.number} ${end}`
    return `${at} ${host}: ${action.kind} request ${number}, ${verb}${what}`
  }
  if (!('host' in action)) return `${at} the ledger: ${action.kind}`
  return `${at} ${action.host.plan.name}: ${action.kind}${'outcome' in action ? ` ${action.outcome}` : ''}`
}

function listener(): (host: Host) => string[] {
  const heard = new Map<Host, { readonly events: number; readonly works: number; readonly answered: boolean }>()
  return (host) => {
    const { plan, events, works, answer } = host
    const before = heard.get(host) ?? { events: 0, works: 0, answered: false }
    heard.set(host, { events: events.length, works: works.length, answered: answer !== null })
    const lines = works.slice(before.works).map(({ number }) => `starts the work of attempt ${number}`)
    for (const event of events.slice(before.events)) {
      const how = 'certain' in event ? (event.certain ? ' for certain' : ' without certainty') : ''
      lines.push(`says ${event.event}${'cause' in event ? `, ${event.cause}` : ''}${how}`)
    }
    if (answer !== null && !before.answered) lines.push(`answers ${answer.status} ${answer.outcome ?? ''}`.trim())
    return lines.map((line) => `${' '.repeat(17)}${plan.name} ${line}`)
  }
}
