import type { Host } from './host.ts'
import { isWrite, type Request } from './network.ts'
import type { Budget } from './scenario.ts'
import { START_MS, slotOf } from './scenario.ts'

export type Action =
  | { readonly kind: 'begin' | 'crash' | 'pause' | 'wake' | 'stop' | 'overdue'; readonly host: Host }
  | { readonly kind: 'end'; readonly host: Host; readonly outcome: 'succeeded' | 'failed' }
  /**
   * - `answer`: the request reaches the ledger, and the answer reaches the host.
   * - `cut`: the host hears an error now. A write may still land at any later moment. This stands for a request that is
   *   dropped, one whose answer is lost, and one that is delivered late.
   * - `stall`: the request neither reaches the ledger nor fails for some time.
   * - `twice`: like `answer`, but a copy of the request lands later.
   * - `deny`: the request is refused, as with expired credentials.
   * - `land`: a request that was stalled or cut reaches the ledger.
   * - `deliver`: the answer of a request that was applied before reaches the host.
   */
  | {
      readonly kind: 'answer' | 'cut' | 'stall' | 'twice' | 'deny' | 'land' | 'deliver'
      readonly request: Request
    }
  | { readonly kind: 'outage' | 'recovery' }
  | { readonly kind: 'tick'; readonly toMs: number }

export type Left = { -readonly [Kind in keyof Budget]-?: number }

export function fullBudget({ all, network = 0, crash = 0, pause = 0, stop = 0, outage = 0 }: Budget): Left {
  return { all, network, crash, pause, stop, outage }
}

export interface State {
  readonly hosts: readonly Host[]
  readonly pool: readonly Request[]
  readonly left: Left
  readonly failuresLeft: number
  readonly isDown: boolean
  readonly mayEnd: boolean
  readonly nowMs: number
  /** Only these hosts may be disturbed now: right after a host heard something, or after time passed, is enough. */
  readonly first: number
  readonly last: number
  readonly nextMs: number
}

export function actionsIn(state: State): Action[] {
  const { hosts, pool, left, nowMs } = state
  const actions: Action[] = []
  for (const host of hosts) {
    if (host.life === 'alive' && !host.paused && host.nextMs() <= nowMs) actions.push({ kind: 'overdue', host })
  }
  const sent = pool.filter((request) => request.state === 'sent')
  for (const request of sent) actions.push({ kind: 'answer', request })
  for (const request of pool) {
    const isHeard = hosts.some(({ plan, paused }) => plan.name === request.host && !paused)
    if (request.state === 'applied' && isHeard) actions.push({ kind: 'deliver', request })
  }
  if (sent.length === 0 && Number.isFinite(state.nextMs)) actions.push({ kind: 'tick', toMs: state.nextMs })
  for (const [index, host] of hosts.entries()) {
    const canWake = host.paused && !Number.isFinite(state.nextMs)
    if (canWake || (index >= state.first && index <= state.last)) actions.push(...disturbances(host, state))
  }
  if (state.isDown) return [...actions, { kind: 'recovery' }]
  for (const request of pool) {
    if (request.state === 'stalled' || request.state === 'late') actions.push({ kind: 'land', request })
  }
  if (left.all > 0 && left.network > 0) {
    for (const request of sent) {
      actions.push({ kind: 'cut', request }, { kind: 'stall', request }, { kind: 'deny', request })
      if (isWrite(request)) actions.push({ kind: 'twice', request })
    }
  }
  if (left.all > 0 && left.outage > 0) actions.push({ kind: 'outage' })
  return actions
}

function disturbances(host: Host, { hosts, left, failuresLeft, mayEnd, nowMs }: State): Action[] {
  const actions: Action[] = []
  if (host.life === 'idle') {
    const isEarly = nowMs < START_MS + (host.plan.afterMs ?? 0)
    return isEarly || hosts.some((other) => isTwin(other, host)) ? [] : [{ kind: 'begin', host }]
  }
  if (host.life === 'crashed') return []
  if (mayEnd && host.works.some(({ endMs }) => endMs === null)) {
    actions.push({ kind: 'end', host, outcome: 'succeeded' })
    if (failuresLeft > 0) actions.push({ kind: 'end', host, outcome: 'failed' })
  }
  if (host.life !== 'alive') return actions
  if (host.paused) return [...actions, { kind: 'wake', host }]
  if (left.all === 0) return actions
  if (left.stop > 0 && !host.stopped) actions.push({ kind: 'stop', host })
  if (left.crash > 0) actions.push({ kind: 'crash', host })
  if (left.pause > 0) actions.push({ kind: 'pause', host })
  return actions
}

/** Equal hosts begin in the order of their names, because another order would show nothing new. */
function isTwin(other: Host, { plan }: Host): boolean {
  const { does, offsetMs, only } = other.plan
  const isSame = does === plan.does && other.slot === slotOf(plan) && offsetMs === plan.offsetMs && only === plan.only
  return isSame && other.life === 'idle' && other.plan.name < plan.name
}
