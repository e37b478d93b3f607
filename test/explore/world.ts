import { LedgerError } from '../../src/core/errors.ts'
import type { Settings } from '../../src/run/settings.ts'
import { type Action, actionsIn, fullBudget, type Left } from './actions.ts'
import { EMPTY, mix, toNumber } from './hash.ts'
import { type Host, hostOf, knownRecord } from './host.ts'
import { watchedLedger, watchRecord, watchSlotBefore } from './ledger.ts'
import { isWrite, portOf, type Request, remove, textOf } from './network.ts'
import { checkAnswer, checkEnd, checkStart, checkState, checkWrite } from './promises.ts'
import type { Observed, Say } from './ranges.ts'
import type { Scenario } from './scenario.ts'
import { START_MS } from './scenario.ts'

/** Hosts that run the real code on one ledger. Nothing changes between two steps, and nothing is random. */
export interface World {
  readonly hosts: readonly Host[]
  readonly left: Left
  nowMs(): number
  actions(): Action[]
  take(action: Action): Promise<void>
  check(): void
  /** Returns a number for the state in which `actions` are possible. It does not depend on the budget that is left. */
  hash(actions: readonly Action[]): number
}

export function worldOf(scenario: Scenario, settings: Settings, say: Say): World {
  const pool: Request[] = []
  const hosts: Host[] = []
  const informed = new Set<Host>()
  const left = fullBudget(scenario.budget)
  let failuresLeft = scenario.failures ?? 0
  let nowMs = START_MS
  let isDown = false
  let first = 0
  let last = Number.POSITIVE_INFINITY

  const hostNamed = (name: string) => hosts.find(({ plan }) => plan.name === name) as Host
  const ledger = watchedLedger(
    (request, before, row) => {
      const host = hostNamed(request.host)
      checkWrite(host, { before, row, sentMs: request.sentMs }, observed, say)
      if (row.slot !== host.slot) return
      host.leaseFromMs = request.sentMs
      const isOwn = before?.state === 'PENDING' && before.ownerRunId === host.plan.name
      if (isOwn && nowMs > before.leaseUntil) host.hasLapsed = true
    },
    (row) => {
      for (const { removed } of informed) removed.push({ row, atMs: nowMs })
    },
    (error) => say('an error', error.message),
    // Only a run that comes after another slot reads the schedules.
    settings.after === null && !settings.sinceLastSuccess ? null : knownRecord(settings),
    scenario.past,
  )
  const observed: Observed = { hosts, slots: ledger.slots, record: ledger.record, settings, nowMs: () => nowMs }
  for (const plan of scenario.hosts) {
    const host = hostOf(plan, {
      settings: settings,
      store(name) {
        const port = portOf(name, ledger.store, pool, () => nowMs)
        const knows = () => hostNamed(name).knows
        if (settings.after !== null) return watchSlotBefore(port, () => hostNamed(name))
        return plan.asks ? watchRecord(port, knows, () => ledger.record().pauses.length > 0) : port
      },
      now: () => nowMs,
      onStart: (host, work) => checkStart(host, work, observed, say),
      onAnswer: (host, answer) => checkAnswer(host, answer, observed, say),
      onError: (error) => say('an error', String((error as Error).stack ?? error)),
    })
    hosts.push(host)
  }

  /** Allows only this host to be disturbed, since it has just heard something. With null, no host may be disturbed. */
  function onlyDisturb(host: Host | null): void {
    first = last = host === null ? -1 : hosts.indexOf(host)
  }

  function spend(kind: keyof Left): void {
    left[kind] -= 1
    left.all -= 1
  }

  /** Passes the answer to the host. If the host is paused, the answer waits until it wakes. */
  function answer(request: Request, content: unknown): void {
    const host = hostNamed(request.host)
    if (host.paused) {
      request.state = 'applied'
      request.answer = content
      onlyDisturb(null)
      return
    }
    remove(pool, request)
    informed.add(host)
    host.hear(`${request.number} ${content instanceof Error ? content.message : JSON.stringify(content)}`)
    onlyDisturb(host)
    if (content instanceof LedgerError) request.fail(content)
    else request.settle(content)
  }

  async function transmit(kind: Extract<Action, { request: Request }>['kind'], request: Request): Promise<void> {
    switch (kind) {
      case 'answer':
        return answer(request, await ledger.apply(request))
      case 'twice':
        spend('network')
        pool.push({ ...request, state: 'late' })
        return answer(request, await ledger.apply(request))
      case 'cut':
        spend('network')
        if (isWrite(request)) pool.push({ ...request, state: 'late' })
        return answer(request, new LedgerError('unreachable', `${request.verb}: no answer`))
      case 'deny':
        spend('network')
        return answer(request, new LedgerError('denied', `${request.verb}: the token has expired`))
      case 'stall':
        spend('network')
        request.state = 'stalled'
        return onlyDisturb(null)
      case 'land':
        request.answer = await ledger.apply(request)
        if (request.state === 'late') remove(pool, request)
        else request.state = 'applied'
        return onlyDisturb(null)
      case 'deliver':
        return answer(request, request.answer)
    }
  }

  function disturb(host: Host, kind: 'begin' | 'pause' | 'wake' | 'stop' | 'crash'): void {
    // Hosts that are disturbed at the same instant are disturbed in the order of their index.
    if (first !== last) first = hosts.indexOf(host)
    if (kind === 'pause' || kind === 'stop' || kind === 'crash') spend(kind)
    host[kind]()
    if (kind !== 'crash') return
    for (const request of pool.filter((one) => one.host === host.plan.name)) {
      if (request.state !== 'applied' && isWrite(request)) request.state = 'late'
      else remove(pool, request)
    }
  }

  async function pass(toMs: number): Promise<void> {
    nowMs = toMs
    first = 0
    last = Number.POSITIVE_INFINITY
    for (const host of hosts) {
      while (host.life === 'alive' && !host.paused && host.nextMs() <= nowMs) {
        host.fireNext()
        await settled()
      }
    }
  }

  async function act(action: Action): Promise<void> {
    switch (action.kind) {
      case 'overdue':
        onlyDisturb(action.host)
        return action.host.fireNext()
      case 'end':
        if (first !== last) first = hosts.indexOf(action.host)
        if (action.outcome === 'failed') failuresLeft -= 1
        return action.host.works.find(({ endMs }) => endMs === null)?.end(action.outcome)
      case 'tick':
        return pass(action.toMs)
      case 'outage':
        spend('outage')
        isDown = true
        return
      case 'recovery':
        isDown = false
        return
      default:
        return 'request' in action ? transmit(action.kind, action.request) : disturb(action.host, action.kind)
    }
  }

  /** The next timer, or the end of a lease on the clock of an idle or paused host, at which its step could matter. */
  function nextMs(): number {
    let next = Number.POSITIVE_INFINITY
    const consider = (ms: number) => {
      if (ms > nowMs && ms < next) next = ms
    }
    for (const { plan, life, paused, nextMs } of hosts) {
      if (life === 'alive') consider(nextMs())
      if (life !== 'idle' && !paused) continue
      for (const { row } of ledger.slots.values()) {
        if (row.leaseUntil === null) continue
        consider(row.leaseUntil - (plan.offsetMs ?? 0) + 1)
        consider(row.leaseUntil - (plan.offsetMs ?? 0) + settings.skewMs + 1)
      }
    }
    return next
  }

  return {
    hosts,
    left,
    nowMs: () => nowMs,
    actions() {
      const mayEnd = scenario.endless !== true || nowMs > START_MS + scenario.horizonMs
      return actionsIn({ hosts, pool, left, failuresLeft, isDown, mayEnd, nowMs, first, last, nextMs: nextMs() })
    },
    async take(action) {
      await act(action)
      await settled()
      // While the ledger is down, requests are lost, and their callers wait until their deadlines.
      if (isDown) for (const request of pool.filter(({ state }) => state === 'sent')) remove(pool, request)
      // A late request that can change nothing any more lands now, since it would also change nothing later.
      for (const request of pool.filter((one) => one.state === 'late' && ledger.isSpent(one))) {
        remove(pool, request)
        await ledger.apply(request)
      }
    },
    check() {
      checkState(observed, say)
      if (hosts.every(({ life }) => life !== 'alive')) checkEnd(observed, say)
    },
    hash(actions) {
      const isQuiet = !actions.some(({ kind }) => DISTURBING.has(kind))
      let hash = mix(EMPTY, `${ledger.text()} ${nowMs} ${isDown} ${failuresLeft} ${isQuiet ? '' : `${first} ${last}`}`)
      for (const { history, life, paused, wokeMs, works, leaseFromMs, hasLapsed, plan, knows, removed } of hosts) {
        hash = mix(hash, `${history} ${life} ${paused} ${wokeMs} ${leaseFromMs} ${works.map(({ endMs }) => endMs)}`)
        if (plan.asks) hash = mix(hash, JSON.stringify(knows))
        if (removed.length > 0) hash = mix(hash, JSON.stringify(removed))
        if (hasLapsed) hash = mix(hash, 'late')
      }
      return toNumber(mix(hash, `${pool.map(textOf).sort()}`))
    },
  }
}

const DISTURBING: ReadonlySet<string> = new Set(['begin', 'end', 'wake', 'stop', 'crash', 'pause'])

/** Resolves when every promise that could settle has settled, since `nextTick` runs only when no microtask is left. */
const settled = () => new Promise<void>((resolve) => process.nextTick(resolve))
