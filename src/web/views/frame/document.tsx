import type { Child } from 'hono/jsx'
import { formatInstant } from '../../../core/instant.ts'
import type { Instant } from '../../../core/types.ts'
import { printable } from '../../../format/text.ts'
import { cronledger } from '../../../verdict/command.ts'
import { links } from './links.ts'
import { CommandToCopy } from './steps.tsx'
import type { WallClock } from './time.tsx'

export interface Frame {
  readonly title: string
  readonly stylePath: string
  readonly scriptPath: string
  readonly store: string
  /** The clock of the page, and the zone that the reader has chosen for all times. */
  readonly clock: WallClock
  readonly zone?: string | undefined
  readonly now: Instant
  /** The time after which the page asks for itself again, in milliseconds. */
  readonly pollMs: number
  readonly children?: Child
}

const ICON =
  'data:image/svg+xml,' +
  encodeURIComponent(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#2b6b4f"/><path d="M4 8.5l3 3 5-7" fill="none" stroke="#fff" stroke-width="2"/></svg>',
  )

/** Returns the HTML of a whole page. We must make all text with JSX, because JSX escapes all values. */
export function pageText(frame: Frame): string {
  const { title, stylePath, scriptPath, store, clock, zone, now, pollMs, children } = frame
  // It always has seconds, so that its width never changes.
  const asOf = formatInstant(clock.localMs(now)).slice(0, 19).replace('T', ' ')
  const page = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{`${title} · cronledger`}</title>
        <link rel="icon" href={ICON} />
        <link rel="stylesheet" href={stylePath} />
        {/* The style depends on whether the script runs, so it must run before the first paint. */}
        <script src={scriptPath} defer blocking="render" />
      </head>
      <body>
        <a class="skip" href="#main">
          Skip to content
        </a>
        <header>
          <a class="home" href={links.overview()}>
            cronledger
          </a>
          <span class="store">{printable(store)}</span>
          <span class="as-of" id="as-of">
            as of <time datetime={formatInstant(now)}>{asOf}</time> {clock.offset(now)}
          </span>
          <TimesChoice clock={clock} zone={zone} />
          <div class="banner">
            <p id="connection" role="status" />
            <p id="retry" hidden>
              The page tries again automatically. <button type="button">Try now</button>
            </p>
          </div>
        </header>
        <main id="main" tabindex={-1} data-poll-ms={pollMs}>
          {children}
        </main>
      </body>
    </html>
  )
  return `<!doctype html>\n${page}`
}

/** The cookie that has the zone of all times. The script of the page sets it, and the server makes pages in that zone. */
export const ZONE_COOKIE = 'cronledger-times'

/** One choice for all times: in the zone of the tasks, of the browser, or in UTC. */
function TimesChoice({ clock, zone }: Pick<Frame, 'clock' | 'zone'>) {
  const isOther = zone !== undefined && zone !== 'UTC'
  return (
    <label class="needs-script">
      Times
      <select id="times" autocomplete="off" data-cookie={ZONE_COOKIE}>
        <option value="">{zone === undefined ? `${clock.zone} (of the tasks)` : 'of the tasks'}</option>
        <option value="browser" selected={isOther}>
          {isOther ? `${zone} (of the browser)` : 'of the browser'}
        </option>
        <option value="UTC" selected={zone === 'UTC'}>
          UTC
        </option>
      </select>
    </label>
  )
}

interface ProblemProps {
  readonly title: string
  readonly message: string
  /** Whether the same address may work later. The script then says when it tries again, and has a button for it. */
  readonly retries?: boolean
  readonly children?: Child
}

/** The page that is shown when a view cannot be shown. `children` are links that may help. */
export function ProblemView({ title, message, retries = false, children }: ProblemProps) {
  return (
    <section aria-labelledby="problem-title" data-retries={retries ? '' : undefined}>
      <h1 id="problem-title">{title}</h1>
      <p id="problem">{printable(message)}</p>
      {children}
      <p>
        <a href={links.overview()}>All tasks</a>
      </p>
    </section>
  )
}

export const NO_TASK = 'Task not found'
export const NO_SLOT = 'Slot not found'

export function LedgerHelp({ text, store }: Readonly<{ text: string; store: string }>) {
  return (
    <>
      <p>{text}</p>
      <CommandToCopy
        what="Check the ledger from the host of this server"
        command={cronledger('setup', { store, role: 'auditor' }, '--check')}
      />
    </>
  )
}

export function MissingTask({ task }: { readonly task: string }) {
  return (
    <ProblemView title={NO_TASK} message={`No task is named ${JSON.stringify(task)}.`}>
      <p class="quiet">A task is in the ledger after its first scheduled run.</p>
    </ProblemView>
  )
}

export function MissingSlot({ task, slot, clock }: Readonly<{ task: string; slot: Instant; clock: WallClock }>) {
  return (
    <ProblemView
      title={NO_SLOT}
      message={`${task} has no slot at ${clock.time(slot)} ${clock.offset(slot)}: no run is recorded, and none was expected.`}
    >
      <p>
        <a href={links.task(task)}>All slots of {printable(task)}</a>
      </p>
    </ProblemView>
  )
}
