import { LedgerError } from '../../src/core/errors.ts'
import type { Row } from '../../src/core/types.ts'
import type { Settings } from '../../src/run/settings.ts'
import { type Action, actionsIn, fullBudget, type Left } from './actions.ts'
import { EMPTY, mix, toNumber } from './hash.ts'
import { Host, knownRecord } from './host.ts'
import { watchedLedger, watchRecord, watchSlotBefore } from './ledger.ts'
import { isWrite, portOf, type Request, remove, textOf } from './network.ts'
import { checkAnswer, checkEnd, checkStart, checkState, checkWrite } from './promises.ts'
import type { Observed, Say } from './ranges.ts'
import { type HostPlan, type Scenario, START_MS } from './scenario.ts'

/** Hosts that run the real code on one ledger. Nothing changes between two steps, and nothing is random. */
export class World {
  readonly hosts: Host[] = []
  readonly left: Left
  readonly #scenario: Scenario
  readonly #settings: Settings
  readonly #say: Say
  readonly #pool: Request[] = []
  readonly #informed = new Set<Host>()
  readonly #ledger: ReturnType<typeof watchedLedger>
  readonly #observed: Observed
  #failuresLeft: number
  #nowMs = START_MS
  #isDown = false
  #first = 0
  #last = Number.POSITIVE_INFINITY

  constructor(scenario: Scenario, settings: Settings, say: Say) {
    this.#scenario = scenario
    this.#settings = settings
    this.#say = say
    this.left = fullBudget(scenario.budget)
    this.#failuresLeft = scenario.failures ?? 0
    this.#ledger = watchedLedger(
      (request, before, row) => this.#hasWritten(request, before, row),
      (row) => {
        for (const { removed } of this.#informed) removed.push({ row, atMs: this.#nowMs })
      },
      (error) => say('an error', error.message),
      // Only a run that comes after another slot reads the schedules.
      settings.after === null && !settings.sinceLastSuccess ? null : knownRecord(settings),
      scenario.past,
    )
    const { slots, record } = this.#ledger
    this.#observed = { hosts: this.hosts, slots, record, settings, nowMs: () => this.#nowMs }
    for (const plan of scenario.hosts) this.hosts.push(this.#hostOf(plan))
  }

  #hostOf(plan: HostPlan): Host {
    const say = this.#say
    const observed = this.#observed
    return new Host(plan, {
      settings: this.#settings,
      store: (name) => {
        const port = portOf(name, this.#ledger.store, this.#pool, () => this.#nowMs)
        const knows = () => this.#hostNamed(name).knows
        if (this.#settings.after !== null) return watchSlotBefore(port, () => this.#hostNamed(name))
        return plan.asks ? watchRecord(port, knows, () => this.#ledger.record().pauses.length > 0) : port
      },
      now: () => this.#nowMs,
      onStart: (host, work) => checkStart(host, work, observed, say),
      onAnswer: (host, answer) => checkAnswer(host, answer, observed, say),
      onError: (error) => say('an error', String((error as Error).stack ?? error)),
    })
  }

  #hostNamed(name: string): Host {
    return this.hosts.find(({ plan }) => plan.name === name) as Host
  }

  #hasWritten(request: Request, before: Row | undefined, row: Row): void {
    const host = this.#hostNamed(request.host)
    checkWrite(host, { before, row, sentMs: request.sentMs }, this.#observed, this.#say)
    if (row.slot !== host.slot) return
    host.leaseFromMs = request.sentMs
    const isOwn = before?.state === 'PENDING' && before.ownerRunId === host.plan.name
    if (isOwn && this.#nowMs > before.leaseUntil) host.hasLapsed = true
  }

  /** Allows only this host to be disturbed, since it has just heard something. With null, no host may be disturbed. */
  #onlyDisturb(host: Host | null): void {
    this.#first = this.#last = host === null ? -1 : this.hosts.indexOf(host)
  }

  #spend(kind: keyof Left): void {
    this.left[kind] -= 1
    this.left.all -= 1
  }

  /** Passes the answer to the host. If the host is paused, the answer waits until it wakes. */
  #answer(request: Request, content: unknown): void {
    const host = this.#hostNamed(request.host)
    if (host.paused) {
      request.state = 'applied'
      request.answer = content
      this.#onlyDisturb(null)
      return
    }
    remove(this.#pool, request)
    this.#informed.add(host)
    host.hear(`${request.number} ${content instanceof Error ? content.message : JSON.stringify(content)}`)
    this.#onlyDisturb(host)
    if (content instanceof LedgerError) request.fail(content)
    else request.settle(content)
  }

  async #transmit(kind: Extract<Action, { request: Request }>['kind'], request: Request): Promise<void> {
    switch (kind) {
      case 'answer':
        return this.#answer(request, await this.#ledger.apply(request))
      case 'twice':
        this.#spend('network')
        this.#pool.push({ ...request, state: 'late' })
        return this.#answer(request, await this.#ledger.apply(request))
      case 'cut':
        this.#spend('network')
        if (isWrite(request)) this.#pool.push({ ...request, state: 'late' })
        return this.#answer(request, new LedgerError('unreachable', `${request.verb}: no answer`))
      case 'deny':
        this.#spend('network')
        return this.#answer(request, new LedgerError('denied', `${request.verb}: the token has expired`))
      case 'stall':
        this.#spend('network')
        request.state = 'stalled'
        return this.#onlyDisturb(null)
      case 'land':
        request.answer = await this.#ledger.apply(request)
        if (request.state === 'late') remove(this.#pool, request)
        else request.state = 'applied'
        return this.#onlyDisturb(null)
      case 'deliver':
        return this.#answer(request, request.answer)
    }
  }

  #disturb(host: Host, kind: 'begin' | 'pause' | 'wake' | 'stop' | 'crash'): void {
    // Hosts that are disturbed at the same instant are disturbed in the order of their index.
    if (this.#first !== this.#last) this.#first = this.hosts.indexOf(host)
    if (kind === 'pause' || kind === 'stop' || kind === 'crash') this.#spend(kind)
    host[kind]()
    if (kind !== 'crash') return
    for (const request of this.#pool.filter((one) => one.host === host.plan.name)) {
      if (request.state !== 'applied' && isWrite(request)) request.state = 'late'
      else remove(this.#pool, request)
    }
  }

  async #pass(toMs: number): Promise<void> {
    this.#nowMs = toMs
    this.#first = 0
    this.#last = Number.POSITIVE_INFINITY
    for (const host of this.hosts) {
      while (host.life === 'alive' && !host.paused && host.nextMs() <= this.#nowMs) {
        host.fireNext()
        await settled()
      }
    }
  }

  async #act(action: Action): Promise<void> {
    switch (action.kind) {
      case 'overdue':
        this.#onlyDisturb(action.host)
        return action.host.fireNext()
      case 'end':
        if (this.#first !== this.#last) this.#first = this.hosts.indexOf(action.host)
        if (action.outcome === 'failed') this.#failuresLeft -= 1
        return action.host.works.find(({ endMs }) => endMs === null)?.end(action.outcome)
      case 'tick':
        return this.#pass(action.toMs)
      case 'outage':
        this.#spend('outage')
        this.#isDown = true
        return
      case 'recovery':
        this.#isDown = false
        return
      default:
        return 'request' in action
          ? this.#transmit(action.kind, action.request)
          : this.#disturb(action.host, action.kind)
    }
  }

  /** The next timer, or the end of a lease on the clock of an idle or paused host, at which its step could matter. */
  #nextMs(): number {
    let next = Number.POSITIVE_INFINITY
    const consider = (ms: number) => {
      if (ms > this.#nowMs && ms < next) next = ms
    }
    for (const host of this.hosts) {
      const offsetMs = host.plan.offsetMs ?? 0
      if (host.life === 'alive') consider(host.nextMs())
      if (host.life !== 'idle' && !host.paused) continue
      for (const { row } of this.#ledger.slots.values()) {
        if (row.leaseUntil === null) continue
        consider(row.leaseUntil - offsetMs + 1)
        consider(row.leaseUntil - offsetMs + this.#settings.skewMs + 1)
      }
    }
    return next
  }

  nowMs(): number {
    return this.#nowMs
  }

  actions(): Action[] {
    const { hosts, left } = this
    const nowMs = this.#nowMs
    const mayEnd = this.#scenario.endless !== true || nowMs > START_MS + this.#scenario.horizonMs
    return actionsIn({
      hosts,
      pool: this.#pool,
      left,
      failuresLeft: this.#failuresLeft,
      isDown: this.#isDown,
      mayEnd,
      nowMs,
      first: this.#first,
      last: this.#last,
      nextMs: this.#nextMs(),
    })
  }

  async take(action: Action): Promise<void> {
    await this.#act(action)
    await settled()
    const pool = this.#pool
    // While the ledger is down, requests are lost, and their callers wait until their deadlines.
    if (this.#isDown) for (const request of pool.filter(({ state }) => state === 'sent')) remove(pool, request)
    // A late request that can change nothing any more lands now, since it would also change nothing later.
    for (const request of pool.filter((one) => one.state === 'late' && this.#ledger.isSpent(one))) {
      remove(pool, request)
      await this.#ledger.apply(request)
    }
  }

  check(): void {
    checkState(this.#observed, this.#say)
    if (this.hosts.every(({ life }) => life !== 'alive')) checkEnd(this.#observed, this.#say)
  }

  /** Returns a number for the state in which `actions` are possible. It does not depend on the budget that is left. */
  hash(actions: readonly Action[]): number {
    const isQuiet = !actions.some(({ kind }) => DISTURBING.has(kind))
    const range = isQuiet ? '' : `${this.#first} ${this.#last}`
    let hash = mix(EMPTY, `${this.#ledger.text()} ${this.#nowMs} ${this.#isDown} ${this.#failuresLeft} ${range}`)
    for (const { history, life, paused, wokeMs, works, leaseFromMs, hasLapsed, plan, knows, removed } of this.hosts) {
      hash = mix(hash, `${history} ${life} ${paused} ${wokeMs} ${leaseFromMs} ${works.map(({ endMs }) => endMs)}`)
      if (plan.asks) hash = mix(hash, JSON.stringify(knows))
      if (removed.length > 0) hash = mix(hash, JSON.stringify(removed))
      if (hasLapsed) hash = mix(hash, 'late')
    }
    return toNumber(mix(hash, `${this.#pool.map(textOf).sort()}`))
  }
}

const DISTURBING: ReadonlySet<string> = new Set(['begin', 'end', 'wake', 'stop', 'crash', 'pause'])

/** Resolves when every promise that could settle has settled, since `nextTick` runs only when no microtask is left. */
const settled = () => new Promise<void>((resolve) => process.nextTick(resolve))
