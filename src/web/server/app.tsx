import { type Context, Hono } from 'hono'
import { compress } from 'hono/compress'
import { secureHeaders } from 'hono/secure-headers'
import { DAY_MS } from '../../core/duration.ts'
import { usageError } from '../../core/errors.ts'
import { formatInstant } from '../../core/instant.ts'
import { instantWithoutSchedule } from '../../core/schedule/slot-reference.ts'
import type { Instant } from '../../core/types.ts'
import { checkTaskName } from '../../core/user-text.ts'
import { findingsMetrics } from '../../format/metrics/openmetrics.ts'
import { MissingSlot, MissingTask, NO_SLOT, NO_TASK } from '../views/frame/document.tsx'
import { links, type OverviewQuery, type TaskQuery } from '../views/frame/links.ts'
import { isMoving } from '../views/frame/slot-facts.tsx'
import { wallClock } from '../views/frame/time.tsx'
import { countInTitle, EmptyLedger, isEmpty, NeedsLine, NeedsList } from '../views/overview/needs.tsx'
import { Overview } from '../views/overview/overview.tsx'
import { SlotView } from '../views/slot/slot.tsx'
import { type ShownFindings, taskSteps } from '../views/task/findings.tsx'
import { TaskView } from '../views/task/task.tsx'
import {
  type AppOptions,
  openAnswers,
  openReading,
  openReadings,
  type ReadView,
  type View,
  zoneOf,
} from './answers.tsx'
import { isOwnHost } from './guard.ts'
import { beginNeeds, type NeedsOfAll, readFindings } from './read/needs.ts'
import { type ModelWith, readOverview } from './read/overview.ts'
import type { Reading, ReadTask } from './read/reading.ts'
import { parseSlot, readRecent, readSlot, readTask, readTaskPage } from './read/task.ts'
import { AGE_FACTOR, shareAnswers, shareNeeds } from './shared.ts'

/** The span of the findings. It is the default of `check`, and covers a weekend or a week off. */
const NEEDS_MS = 7 * DAY_MS

/** Creates the app that serves the pages of one ledger. It only reads the ledger. */
export function createApp(options: AppOptions): Hono {
  const { assets, host } = options
  const app = new Hono()
  const { show, problem, failure } = openAnswers(options)
  const { reading, turn } = openReadings(options)
  const sharedNeeds = shareNeeds(options.clock, () => {
    const own = openReading(options, new AbortController().signal)
    return beginNeeds(own.now - NEEDS_MS, own, turn)
  })
  const { overview, needs } = viewsOfAll(options, reading, sharedNeeds)
  const { task, slot } = viewsOfTask(options, reading)
  app.use(HEADERS, compress())
  // A health check may use any name of this server, because the answer says nothing about the ledger.
  app.get('/healthz', (context) => context.text('serving\n', 200, NOT_STORED))
  app.use(async (context, next) => rejectRequest(context, host) ?? next())
  app.get('/page.js', (context) => context.body(assets.script, 200, asset('text/javascript')))
  app.get('/page.css', (context) => context.body(assets.style, 200, asset('text/css')))
  app.get(
    '/',
    show(overview, (context) => JSON.stringify(overviewQueryOf(context))),
  )
  // Each open tab waits for the findings. Without one shared page, the tabs would take all the room of the other views.
  app.get(
    '/needs',
    show(needs, ({ req }) => `needs ${req.query('owner')}`),
  )
  app.get('/metrics', async (context) => {
    const found = await sharedNeeds()
    if (!found.isWhole) return context.text('The ledger is still being read for the first time.\n', 503, NOT_STORED)
    const { tasks, faults, byTask, now } = found
    const text = findingsMetrics({ ageMs: options.clock.now() - now, tasks, unreadable: faults.length, byTask })
    return context.body(text, 200, {
      ...NOT_STORED,
      'content-type': 'application/openmetrics-text; version=1.0.0; charset=utf-8',
    })
  })
  app.get('/task', show(task))
  app.get('/slot', show(slot))
  app.notFound((context) => problem(context, 'Page not found', 'This address does not exist.', 404))
  app.onError((error, context) => failure(context, error))
  return app
}

const NOT_STORED = { 'cache-control': 'no-store' }

const HEADERS = secureHeaders({
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
})

function rejectRequest(context: Context, host: string): Response | null {
  if (!isOwnHost(context.req.header('host'), host)) {
    return context.text('The Host header does not name this server.\n', 403)
  }
  // A page of another site may link to this server. It must not fetch in the background, because that costs reads.
  if (context.req.header('sec-fetch-site') === 'cross-site' && context.req.header('sec-fetch-mode') !== 'navigate') {
    return context.text('Requests from other sites are not allowed.\n', 403)
  }
  if (context.req.method !== 'GET' && context.req.method !== 'HEAD') {
    return context.text('Only GET and HEAD are allowed.\n', 405, { allow: 'GET, HEAD' })
  }
  return null
}

type ReadingOf = ReturnType<typeof openReadings>['reading']

/** They share the findings that were just read. */
function viewsOfAll({ clock, store }: AppOptions, reading: ReadingOf, sharedNeeds: ReturnType<typeof shareNeeds>) {
  const overview: ReadView = async (context, untilMs, handOver) => {
    const query = overviewQueryOf(context)
    const begunMs = clock.monotonicMs()
    const found = sharedNeeds()
    const readGrid = async (own: Reading) => {
      const modelWith = await readOverview(query, found, own, (part) => {
        handOver(async () => viewOf(context, part, await sharedNeeds(0), 0))
      })
      return { modelWith, costMs: clock.monotonicMs() - begunMs }
    }
    const [{ modelWith, costMs }] = await Promise.all([reading(untilMs, [], readGrid, zoneOf(context)), found])
    // More was found since, or else a page after a part of it would say less.
    return viewOf(context, modelWith, await sharedNeeds(0), costMs)
  }

  function viewOf(context: Context, modelWith: ModelWith, all: NeedsOfAll, costMs: number): View {
    const { owner } = overviewQueryOf(context)
    const needs = owner ? all.ofOwner(owner) : all
    const model = modelWith(needs)
    const props = { clock: wallClock(model.axis.clock.zone, true), now: clock.now() }
    return {
      clock: props.clock,
      title: `${countInTitle(needs)}Tasks`,
      main: isEmpty(all) ? (
        <EmptyLedger store={store} />
      ) : (
        <>
          <a class="skip" href="#tasks">
            Skip to the table of the tasks
          </a>
          <NeedsLine needs={needs} store={store} owner={owner} {...props} />
          <Overview model={model} now={props.now} />
        </>
      ),
      moves: !needs.isWhole || model.unread > 0 || model.lines.some(({ isMoving }) => isMoving),
      // The page asks sooner until all tasks are read. Its tasks are then read for at most half of the time.
      costMs: needs.isWhole ? costMs : costMs / AGE_FACTOR,
    }
  }

  const needs: ReadView = async (context) => {
    const owner = context.req.query('owner')
    const all = await sharedNeeds()
    const needs = owner ? all.ofOwner(owner) : all
    const own = wallClock(zoneOf(context) ?? needs.zone, true)
    const main = (
      <>
        <nav class="crumbs" aria-label="Breadcrumbs">
          <a href={links.overview({ owner })}>Tasks</a>
        </nav>
        <NeedsList needs={needs} store={store} owner={owner} clock={own} now={clock.now()} />
      </>
    )
    return { title: `${countInTitle(needs)}Needs attention`, main, clock: own, moves: !needs.isWhole, costMs: 0 }
  }

  return { overview, needs }
}

function viewsOfTask({ store, clock }: AppOptions, reading: ReadingOf) {
  const sharedFindings = shareAnswers<ShownFindings>(clock)
  /** Reads the findings of the last days, and of the slots from `oldest` on, which the page shows. */
  const findingsOf = (read: ReadTask, oldest: Instant, untilMs: number, zone: string | undefined) =>
    sharedFindings(`${read.head.task} ${zone}`, () =>
      reading(untilMs, [], (apart) => readFindings(read, Math.min(apart.now - NEEDS_MS, oldest), store, apart), zone),
    )

  const viewOfTask =
    (view: (read: ReadTask, own: Reading, context: Context, untilMs: number) => Promise<View>): ReadView =>
    (context, untilMs) => {
      const readView = async (own: Reading) => {
        const name = required(context, 'task')
        checkTaskName(name)
        const read = await readTask(name, own)
        if (read !== null) return view(read, own, context, untilMs)
        return { title: NO_TASK, main: <MissingTask task={name} />, moves: true, status: 404 } as const
      }
      return reading(untilMs, [context.req.raw.signal], readView, zoneOf(context))
    }

  const task = viewOfTask(async (read, own, context, untilMs) => {
    const { head, known } = read
    const query = taskQueryOf(context)
    const page = await readTaskPage(read, query, own)
    const recent = await readRecent(read, page, own)
    const found = await findingsOf(read, recent.slots.at(-1)?.slot ?? own.now, untilMs, own.zone)
    const ofTask = known === null ? [] : taskSteps({ store, task: head.task, suspended: head.suspended })
    const findings = { ...found, steps: [...found.steps, ...ofTask] }
    return {
      title: head.task,
      clock: head.clock,
      main: <TaskView head={head} findings={findings} recent={recent} page={page} now={own.now} />,
      moves: [...page.slots, ...recent.slots].some((record) => isMoving(record)),
    }
  })

  const slot = viewOfTask(async (read, own, context) => {
    const text = required(context, 'slot')
    const { task, clock } = read.head
    const slot = parseSlot(read, text, own.now)
    if (slot % 1000 !== 0) throw usageError(`slot ${formatInstant(slot)} is not valid. Slots are whole seconds.`)
    // A page of `latest` would turn into that of another slot while a person types a reason.
    const location = links.slot(task, slot)
    if (instantWithoutSchedule(text) === null) return { title: task, main: '', moves: false, status: 302, location }
    const model = await readSlot(read, slot, store, own)
    if (model === null) {
      return { title: NO_SLOT, main: <MissingSlot task={task} slot={slot} clock={clock} />, moves: true, status: 404 }
    }
    // The page asks often, because its reader is probably about to act, and one row is cheap to read.
    const main = <SlotView model={model} />
    return { title: `${task} ${formatInstant(slot)}`, main, clock: model.clock, moves: true }
  })

  return { task, slot }
}

function asset(type: string): Record<string, string> {
  return { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'no-cache' }
}

function required(context: Context, name: string): string {
  const value = context.req.query(name)
  if (value) return value
  throw usageError(`the address has no ${name}.`)
}

function overviewQueryOf({ req }: Context): OverviewQuery {
  const { q, page, span, status, owner, sort } = req.query()
  return { q: q?.trim(), page, span, status, owner, sort }
}

function taskQueryOf({ req }: Context): TaskQuery {
  const { status, since, until, before } = req.query()
  return { status, since, until, before }
}
