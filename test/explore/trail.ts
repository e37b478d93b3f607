import type { Action } from './actions.ts'
import type { Host } from './host.ts'
import { START_MS } from './scenario.ts'

const seconds = (ms: number) => ((ms - START_MS) / 1000).toFixed(3)

export function describe(action: Action, nowMs: number): string {
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

/** Returns a function that lists what a host did and answered since the last call for that host. */
export function listener(): (host: Host) => string[] {
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
