import { setMaxListeners } from 'node:events'
import type { Context } from 'hono'
import { getCookie } from 'hono/cookie'
import type { Child } from 'hono/jsx'
import { IANAZone } from 'luxon'
import pLimit from 'p-limit'
import type { Ledger } from '../../api.ts'
import { type ErrorKind, LedgerError } from '../../core/errors.ts'
import { type Clock, withDeadline } from '../../process/clock.ts'
import { type Frame, LedgerHelp, ProblemView, pageText, ZONE_COOKIE } from '../views/frame/document.tsx'
import { type WallClock, wallClock } from '../views/frame/time.tsx'
import type { Assets } from './assets.ts'
import type { Reading } from './read/reading.ts'
import { answerWithin, shareAnswers } from './shared.ts'

export interface AppOptions {
  readonly ledger: Ledger
  readonly store: string
  readonly assets: Assets
  /** The host that the server listens on. The server accepts it as a name of its own. */
  readonly host: string
  /** For each request to the ledger. */
  readonly ledgerTimeoutMs: number
  readonly clock: Clock
  /** Called with the text of each error that is a bug. */
  readonly report: (message: string) => void
}

/** How many views are read at the same time. Each of them holds some thousand slots in memory. */
const VIEWS_AT_A_TIME = 4
/** How many requests may wait for their view. Further requests are refused, and their pages ask again later. */
const MAX_WAITING = 32

/** A page may take this many times as long as a request to the ledger. On a busy machine it is slow, though the ledger answers. */
const LONGEST_PAGE = 10
/**
 * How long a request waits for a page that is read in parts. Then it gets what was read, and the reading goes on. A page that
 * already shows all of its tasks would rather wait longer than show fewer (`Prefer: wait`).
 */
const PART_MS = 4_000
const PREFERRED_MS = 30_000

/** The time after which a page asks for itself again: while something runs, and while nothing runs. */
const MOVING_POLL_MS = 5_000
const QUIET_POLL_MS = 30_000
/** A page also waits this many times as long as its reading took, otherwise an open tab would cost many reads. */
const POLL_FACTOR = 10

interface Failure {
  readonly status: 400 | 500 | 502 | 503
  readonly title: string
  /** What to check. The command of `LedgerHelp` finds most of it. */
  readonly help?: string
}

const FAILURES: Readonly<Record<ErrorKind, Failure>> = {
  usage: { status: 400, title: 'This address is not valid' },
  unreachable: {
    status: 503,
    title: 'The ledger did not answer',
    help: 'The host of this server may be busy. Otherwise check that it reaches the ledger: its network and DNS, the endpoint and the Region, or the disk of a file. Runs on other hosts may still work.',
  },
  denied: {
    status: 502,
    title: 'Access to the ledger is denied',
    help: 'Check the credentials of this server, and that its role has the permissions of an auditor.',
  },
  shape: {
    status: 500,
    title: 'The ledger cannot be read',
    help: 'Check that --store names the right ledger, and that this cronledger is as new as that of the runs.',
  },
}

type HttpStatus = 200 | 302 | 404 | Failure['status']

export interface View {
  readonly title: string
  readonly main: Child
  /** Left out: that of the zone that the reader has chosen, or else of UTC. */
  readonly clock?: WallClock
  /** Whether something in the view runs or is about to run, or is still being read. */
  readonly moves: boolean
  /** The time that the ledger took for the view. Left out: all the time that it took to make the view. */
  readonly costMs?: number
  readonly status?: HttpStatus
  readonly location?: string
}

interface PageAnswer {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly costMs: number
  readonly status: HttpStatus
  readonly location?: string | undefined
}

/** Returns the zone in which the reader wants all times, which the script of the page stores. Undefined: that of each task. */
export function zoneOf(context: Context): string | undefined {
  const zone = getCookie(context, ZONE_COOKIE)
  return zone !== undefined && IANAZone.isValidZone(zone) ? zone : undefined
}

/**
 * Reads the view that a request asks for, until `untilMs` of the monotonic clock. A view that is read in parts hands over a
 * function that makes a view of what was read so far.
 */
export type ReadView = (
  context: Context,
  untilMs: number,
  handOver: (part: () => Promise<View>) => void,
) => Promise<View>

export function openReading(options: AppOptions, signal: AbortSignal, zone?: string): Reading {
  const { ledger, clock, ledgerTimeoutMs } = options
  return { ledger, ledgerTimeoutMs, now: clock.now(), zone, signal }
}

/** How long what is read in the background waits for the readings of pages, and how often it looks. */
const LONGEST_TURN_MS = 5_000
const LOOK_MS = 100

export function openReadings(options: AppOptions) {
  const { clock } = options
  let open = 0
  return {
    /** All readings of a request end at `untilMs`. One that several requests share must not end when a client leaves. */
    async reading<T>(
      untilMs: number,
      leaves: readonly AbortSignal[],
      read: (reading: Reading) => Promise<T>,
      zone?: string,
    ): Promise<T> {
      open += 1
      try {
        return await withDeadline(clock, untilMs - clock.monotonicMs(), leaves, (signal) => {
          // One listener for each request to the ledger that is in flight. Many tasks are read at the same time.
          setMaxListeners(0, signal)
          return read(openReading(options, signal, zone))
        })
      } finally {
        open -= 1
      }
    },
    /** Resolves when no page is being read. Otherwise a page of a large ledger would not be ready in time on a busy machine. */
    async turn(): Promise<void> {
      for (let ms = 0; open > 0 && ms < LONGEST_TURN_MS; ms += LOOK_MS) await clock.wait(LOOK_MS)
    },
  }
}

export function openAnswers({ store, clock, ledgerTimeoutMs, report }: AppOptions) {
  const limit = pLimit(VIEWS_AT_A_TIME)
  const parts = new Map<string, () => Promise<View>>()
  // Only a page is kept after the requests that share it.
  const pageOf = shareAnswers<PageAnswer | 'refused'>(clock, (page) => (page === 'refused' ? 0 : page.costMs))

  /** Returns the page of a view as bytes, so that requests that share it also share its memory. */
  function render(view: View, zone: string | undefined): PageAnswer {
    const { title, main, moves, clock: own = wallClock(zone ?? 'UTC'), costMs = 0, status = 200, location } = view
    const frame: Frame = {
      title,
      stylePath: '/page.css',
      scriptPath: '/page.js',
      store,
      clock: own,
      zone,
      now: clock.now(),
      pollMs: Math.round(Math.max(moves ? MOVING_POLL_MS : QUIET_POLL_MS, POLL_FACTOR * costMs)),
      children: main,
    }
    return { bytes: new TextEncoder().encode(pageText(frame)), costMs, status, location }
  }

  function problem(context: Context, title: string, message: string, status: HttpStatus, help?: string) {
    const main = (
      <ProblemView title={title} message={message} retries={status >= 500}>
        {help !== undefined && <LedgerHelp text={help} store={store} />}
      </ProblemView>
    )
    return send(context, render({ title, main, moves: true, status }, zoneOf(context)))
  }

  function failure(context: Context, error: Error) {
    if (error instanceof LedgerError) {
      const { title, status, help } = FAILURES[error.kind]
      return problem(context, title, error.message, status, help)
    }
    report(`internal error, please report it: ${error.stack ?? error}`)
    return problem(
      context,
      'Internal error',
      'cronledger could not show this page. The log of the server has the details.',
      500,
    )
  }

  async function make(read: ReadView, context: Context, key = ''): Promise<PageAnswer | 'refused'> {
    if (limit.pendingCount >= MAX_WAITING) return 'refused'
    return limit(async () => {
      const begunMs = clock.monotonicMs()
      const view = await read(context, begunMs + LONGEST_PAGE * ledgerTimeoutMs, (part) => parts.set(key, part))
      return render({ costMs: clock.monotonicMs() - begunMs, ...view }, zoneOf(context))
    }).finally(() => parts.delete(key))
  }

  async function wholeOrPart(context: Context, key: string, answer: Promise<PageAnswer | 'refused'>) {
    const waitMs = context.req.header('prefer')?.startsWith('wait') ? PREFERRED_MS : PART_MS
    for (;;) {
      const page = await answerWithin(waitMs, answer, clock)
      if (page !== null) return page
      const part = parts.get(key)
      if (part !== undefined) return render(await part(), zoneOf(context))
    }
  }

  /** Returns a handler that shows a view. Requests for which `keyOf` returns the same key share one page. */
  function show(read: ReadView, keyOf?: (context: Context) => string) {
    return async (context: Context) => {
      const key = keyOf && JSON.stringify([keyOf(context), zoneOf(context)])
      const answer = key === undefined ? make(read, context) : pageOf(key, () => make(read, context, key))
      const page = await (key === undefined ? answer : wholeOrPart(context, key, answer))
      return page === 'refused'
        ? problem(context, 'Too many requests', 'The server is busy. The page tries again automatically.', 503)
        : send(context, page)
    }
  }

  return { show, problem, failure }
}

function send(context: Context, { bytes, status, location }: PageAnswer) {
  const headers = { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }
  return context.body(bytes, status, location === undefined ? headers : { ...headers, location })
}
