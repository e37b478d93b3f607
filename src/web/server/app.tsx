import { setMaxListeners } from 'node:events'
import { type Context, Hono } from 'hono'
import type { Child } from 'hono/jsx'
import { secureHeaders } from 'hono/secure-headers'
import pLimit from 'p-limit'
import type { Ledger } from '../../api.ts'
import { formatDuration } from '../../core/duration.ts'
import { type ErrorKind, LedgerError, usageError } from '../../core/errors.ts'
import { formatInstant, parseInstant } from '../../core/instant.ts'
import { checkTaskName } from '../../core/task.ts'
import { type Clock, link } from '../../process/clock.ts'
import { type Frame, pageText } from '../views/document.tsx'
import { type OverviewQuery, SERVED, type TaskQuery } from '../views/links.ts'
import type { MarkSettings } from '../views/marks.ts'
import { NeedsLine, NeedsList } from '../views/needs.tsx'
import { Overview, type TaskLine } from '../views/overview.tsx'
import { ProblemView } from '../views/problem.tsx'
import { SlotView } from '../views/slot.tsx'
import { TaskView } from '../views/task.tsx'
import type { Assets } from './assets.ts'
import { isOwnHost } from './guard.ts'
import { beginNeeds, readOverview } from './read-overview.ts'
import { calendarOf, readPage, readSlot, readTask, yearsOf } from './read-task.ts'
import type { Reading } from './reading.ts'
import { AGE_FACTOR, shareAnswers } from './shared.ts'
import { shareNeeds } from './shared-needs.ts'

export interface AppOptions extends Omit<MarkSettings, 'now'> {
  readonly ledger: Ledger
  /** The name of the ledger. */
  readonly store: string
  readonly assets: Assets
  /** The host that the server listens on. The server accepts it as a name of its own. */
  readonly host: string
  /**
   * How long the views of one request may wait for the ledger in total. The findings of all tasks are read in the
   * background, and this is how long one request to the ledger may take there.
   */
  readonly ledgerTimeoutMs: number
  /** A slot is late when its first attempt started later than this after it. Left out: never. */
  readonly lateAfterMs?: number | undefined
  readonly clock: Clock
  /** Called with the text of each error that is a bug. */
  readonly report: (message: string) => void
}

/** How many views are read at the same time. Each of them holds some thousand slots in memory. */
const VIEWS_AT_A_TIME = 4
/** How many requests may wait for their view. Further requests are refused, and their pages ask again later. */
const MAX_WAITING = 32

/** The time after which a page asks for itself again: while something runs, and while nothing runs. */
const MOVING_POLL_MS = 5_000
const QUIET_POLL_MS = 30_000
/**
 * A page also waits for this multiple of the time that its reading took. Otherwise a tab that stays open would cost the
 * ledger many reads.
 */
const POLL_FACTOR = 10

/** The span of the findings. It is the default of `check`, and covers a weekend or a week off. */
const NEEDS_MS = 7 * 86_400_000

const STATUS: Readonly<Record<ErrorKind, 400 | 500 | 502 | 503>> = {
  usage: 400,
  unreachable: 503,
  denied: 502,
  shape: 500,
}
const TITLES: Readonly<Record<ErrorKind, string>> = {
  usage: 'This address cannot be shown',
  unreachable: 'The ledger is out of reach',
  denied: 'The ledger does not let this server read it',
  shape: 'The ledger cannot be read',
}

type Status = 200 | 404 | (typeof STATUS)[ErrorKind]

interface View {
  readonly title: string
  readonly main: Child
  /** Whether something in the view runs or is about to run, or is still being read. */
  readonly moves: boolean
  /** The time that the ledger took for the view. Left out: all the time that it took to make the view. */
  readonly costMs?: number
}

interface Page {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly costMs: number
}

/** Creates the app that serves the pages of one ledger. It only reads the ledger. */
export function createApp(options: AppOptions): Hono {
  const { ledger, store, assets, host, clock, report, ledgerTimeoutMs, lateAfterMs, graceMs, skewMs } = options
  const settings = { ledgerTimeoutMs, lateAfterMs, graceMs, skewMs }
  const app = new Hono()
  const limit = pLimit(VIEWS_AT_A_TIME)
  const shared = {
    pages: shareAnswers<Page | null>(clock, (page) => page?.costMs ?? 0),
    needs: shareNeeds(clock, () => {
      const own = { ledger, ...settings, now: clock.now(), signal: new AbortController().signal }
      const span = { since: own.now - NEEDS_MS, until: own.now }
      return beginNeeds({ span, when: `in the last ${formatDuration(NEEDS_MS)}` }, own)
    }),
    calendar: shareAnswers<Awaited<ReturnType<typeof calendarOf>>>(clock),
  }

  /**
   * Runs `read` with a reading that ends at `untilMs` of the monotonic clock. All readings of a request end at the same
   * time. A reading also ends when one of `leaves` aborts. A reading that several requests share must have no `leaves`,
   * otherwise it would end for all of them when one client disconnects.
   */
  async function reading<T>(
    untilMs: number,
    leaves: readonly AbortSignal[],
    read: (reading: Reading) => Promise<T>,
  ): Promise<T> {
    const over = new AbortController()
    // One listener for each request to the ledger that is in flight. Many tasks are read at the same time.
    setMaxListeners(0, over.signal)
    const finished = new AbortController()
    void clock.wait(untilMs - clock.monotonicMs(), finished.signal).then(() => over.abort())
    const unlink = link(leaves, over)
    try {
      return await read({ ledger, ...settings, now: clock.now(), signal: over.signal })
    } finally {
      finished.abort()
      unlink()
      // If one of many requests failed, the result of the others is not needed any more.
      over.abort()
    }
  }

  /** Returns the page of a view as bytes, so that requests that share it also share its memory. */
  function render({ title, main, moves, costMs = 0 }: View): Page {
    const frame: Frame = {
      title,
      links: SERVED,
      dress: { kind: 'served', stylePath: '/page.css', scriptPath: '/page.js' },
      store,
      now: clock.now(),
      pollMs: Math.round(Math.max(moves ? MOVING_POLL_MS : QUIET_POLL_MS, POLL_FACTOR * costMs)),
      children: main,
    }
    return { bytes: new TextEncoder().encode(pageText(frame)), costMs }
  }

  function send(context: Context, { bytes }: Page, status: Status) {
    return context.body(bytes, status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
  }

  function problem(context: Context, title: string, message: string, status: Status) {
    const main = <ProblemView title={title} message={message} links={SERVED} />
    return send(context, render({ title, main, moves: true }), status)
  }

  /**
   * Returns a handler that shows a view. The limit decides when `read` starts. `read` returns null when the view does
   * not exist. Requests for which `keyOf` returns the same key share one page.
   */
  function show(
    read: (context: Context, untilMs: number) => Promise<View | null>,
    keyOf?: (context: Context) => string,
  ) {
    return async (context: Context) => {
      if (limit.pendingCount >= MAX_WAITING) {
        const message = 'Too many views are asked for at the same time; try again.'
        return problem(context, 'Too many requests', message, 503)
      }
      const make = () =>
        limit(async () => {
          const begunMs = clock.monotonicMs()
          const view = await read(context, begunMs + ledgerTimeoutMs)
          return view === null ? null : render({ costMs: clock.monotonicMs() - begunMs, ...view })
        })
      const page = await (keyOf === undefined ? make() : shared.pages.get(keyOf(context), make))
      return page === null
        ? problem(context, 'Not found', 'Nothing of that name is on record, and it was never due.', 404)
        : send(context, page, 200)
    }
  }

  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        connectSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
      referrerPolicy: 'no-referrer',
      xFrameOptions: 'DENY',
      // This server does not use TLS.
      strictTransportSecurity: false,
    }),
  )
  app.use(async (context, next) => {
    if (!isOwnHost(context.req.header('host'), host)) {
      return context.text('This server does not go by that name (Host header).\n', 403)
    }
    // A page of another site may link to this server. It must not fetch in the background, because that costs reads.
    if (context.req.header('sec-fetch-site') === 'cross-site' && context.req.header('sec-fetch-mode') !== 'navigate') {
      return context.text('This server is for its own pages.\n', 403)
    }
    if (context.req.method !== 'GET' && context.req.method !== 'HEAD') {
      return context.text('This server only reads: GET and HEAD.\n', 405, { allow: 'GET, HEAD' })
    }
    return next()
  })

  app.get('/page.js', (context) => context.body(assets.script, 200, asset('text/javascript')))
  app.get('/page.css', (context) => context.body(assets.style, 200, asset('text/css')))

  app.get(
    '/',
    show(
      async (context, untilMs) => {
        const query = overviewQueryOf(context)
        const begunMs = clock.monotonicMs()
        const readGrid = async (own: Reading) => {
          const model = await readOverview(query, own)
          return { model, costMs: clock.monotonicMs() - begunMs }
        }
        const [{ model, costMs }, needs] = await Promise.all([reading(untilMs, [], readGrid), shared.needs.get()])
        const isMoving = ({ cells }: TaskLine) => cells.some(({ mark }) => mark === 'running' || mark === 'due')
        return {
          title: 'Tasks',
          main: (
            <>
              <NeedsLine needs={needs} links={SERVED} now={clock.now()} />
              <Overview model={model} links={SERVED} live />
            </>
          ),
          moves: !needs.isWhole || model.lines.some(isMoving),
          // The page asks sooner until all tasks are read. Its tasks are then read for at most half of the time.
          costMs: needs.isWhole ? costMs : costMs / AGE_FACTOR,
        }
      },
      (context) => JSON.stringify(overviewQueryOf(context)),
    ),
  )

  app.get(
    '/needs',
    show(async () => {
      const needs = await shared.needs.get()
      const main = (
        <>
          <nav class="crumbs" aria-label="Where you are">
            <a href={SERVED.overview()}>Tasks</a>
          </nav>
          <NeedsList needs={needs} links={SERVED} level={1} now={clock.now()} />
        </>
      )
      return { title: 'What needs a person', main, moves: !needs.isWhole, costMs: 0 }
    }),
  )

  app.get(
    '/task',
    show((context, untilMs) =>
      reading(untilMs, [context.req.raw.signal], async (own) => {
        const read = await readTask(taskOf(context), own)
        if (read === null) return null
        const query = taskQueryOf(context)
        const page = await readPage(read, query, own)
        const { year, years } = yearsOf(read, { asked: query.year, oldest: page.slots.at(-1)?.slot }, own)
        const { task } = read.head
        const calendar = await shared.calendar.get(JSON.stringify([task, year]), () =>
          reading(untilMs, [], (apart) => calendarOf(read, { from: `${year}-01`, to: `${year}-12` }, apart)),
        )
        const props = { head: read.head, page, calendar, year, years, now: own.now }
        return {
          title: task,
          main: <TaskView {...props} links={SERVED} />,
          moves: page.slots.some(({ mark }) => mark === 'running' || mark === 'due'),
        }
      }),
    ),
  )

  app.get(
    '/slot',
    show((context, untilMs) =>
      reading(untilMs, [context.req.raw.signal], async (own) => {
        const slot = parseInstant(required(context, 'slot'), 'slot')
        if (slot % 1000 !== 0) throw usageError(`slot is ${formatInstant(slot)}; allowed are whole seconds`)
        const read = await readTask(taskOf(context), own)
        const model = read === null ? null : await readSlot(read, slot, store, own)
        if (read === null || model === null) return null
        return {
          title: `${read.head.task} ${formatInstant(slot)}`,
          main: <SlotView model={model} links={SERVED} />,
          // The page asks often, because its reader is probably about to act, and one row is cheap to read.
          moves: true,
        }
      }),
    ),
  )

  app.notFound((context) => problem(context, 'Not found', 'There is no such page.', 404))
  app.onError((error, context) => {
    if (error instanceof LedgerError) return problem(context, TITLES[error.kind], error.message, STATUS[error.kind])
    report(`this is a bug, please report it: ${error.stack ?? error}`)
    return problem(context, 'This is a bug', 'cronledger could not show this; its log says why.', 500)
  })

  return app
}

function asset(type: string): Record<string, string> {
  return { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'no-cache' }
}

function required(context: Context, name: string): string {
  const value = context.req.query(name)
  if (value) return value
  throw usageError(`the address has no ${name}`)
}

function overviewQueryOf({ req }: Context): OverviewQuery {
  return { q: req.query('q')?.trim(), after: req.query('after') }
}

function taskOf(context: Context): string {
  const task = required(context, 'task')
  checkTaskName(task)
  return task
}

function taskQueryOf({ req }: Context): TaskQuery {
  return {
    state: req.query('state'),
    duplicates: req.query('duplicates'),
    since: req.query('since'),
    until: req.query('until'),
    before: req.query('before'),
    year: req.query('year'),
  }
}
