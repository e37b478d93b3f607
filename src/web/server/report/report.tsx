import { createHash } from 'node:crypto'
import { raw } from 'hono/html'
import { concurrently } from '../../../audit/concurrently.ts'
import type { KnownTask } from '../../../audit/tasks.ts'
import { pageText } from '../../views/frame/document.tsx'
import { IN_ONE_FILE } from '../../views/frame/links.ts'
import { type WallClock, wallClock } from '../../views/frame/wall-clock.ts'
import { NeedsLine } from '../../views/overview/needs.tsx'
import { NeedsList } from '../../views/overview/needs-list.tsx'
import { readNeeds, type Span } from '../read/needs.ts'
import { askOptions, type Reading, type ReadTask, readAll } from '../read/reading.ts'
import { readTask } from '../read/task.ts'
import { taskPieces } from './chapter.tsx'
import { overviewPieces, type ReportTasks } from './overview.tsx'
import { around, PLACE } from './pieces.ts'

export interface ReportOptions {
  readonly span: Span
  /** The only task of the report. Left out: all tasks. */
  readonly task?: string | undefined
  /** The name of the ledger. */
  readonly store: string
  readonly style: string
}

/** A part of the file, as text or as bytes. */
type PagePiece = string | Uint8Array

/**
 * Returns one HTML file with all views, piece by piece. Memory holds the list of the tasks, and the slots of the tasks
 * that are being read. Returns null when the ledger has nothing about the task. The file has no script, and its policy
 * allows only its own style and images in `data:` addresses.
 */
export async function reportPieces(
  options: ReportOptions,
  reading: Reading,
): Promise<AsyncGenerator<PagePiece> | null> {
  const { task } = options
  if (task !== undefined) {
    const read = await readTask(task, reading)
    if (read === null) return null
    const { head, known } = read
    return pieces(options, { known: known === null ? [] : [known], read: [read], problems: [] }, head.clock, reading)
  }
  const known: KnownTask[] = []
  const problems: string[] = []
  const emitProblem = (problem: string) => problems.push(problem)
  for await (const one of reading.ledger.tasks({ emitProblem, ...askOptions(reading) })) known.push(one)
  return pieces(options, { known, read: readAll(known, reading), problems }, wallClock('UTC'), reading)
}

async function* pieces(
  { span, task, store, style }: ReportOptions,
  tasks: ReportTasks,
  clock: WallClock,
  reading: Reading,
): AsyncGenerator<PagePiece, void, undefined> {
  const { now } = reading
  const when = `from ${clock.both(span.since)} to ${clock.both(span.until)}`
  const hash = createHash('sha256').update(style).digest('base64')
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'`
  const [head, end] = around(
    pageText({
      title: `Report ${when}`,
      links: IN_ONE_FILE,
      dress: { kind: 'alone', style: raw(style), policy },
      store,
      now,
      pollMs: null,
      children: PLACE,
    }),
  )
  yield head

  const needs = await readNeeds({ span, when, task, known: tasks.known, problems: tasks.problems }, reading)
  yield String(
    <>
      <h1>Report {when}</h1>
      <NeedsLine needs={needs} links={IN_ONE_FILE} level={2} now={now} store={store} live={false} />
    </>,
  )
  yield* overviewPieces(tasks, needs, span, reading)
  yield String(
    <div class="chapter">
      <NeedsList needs={needs} links={IN_ONE_FILE} level={2} now={now} />
    </div>,
  )
  const chapter = (read: ReadTask, signal: AbortSignal) =>
    encoded(taskPieces(read, { span, when, store }, { ...reading, signal }))
  yield* concurrently(() => tasks.read, chapter, [reading.signal])
  yield end
}

/**
 * Yields the pieces as bytes. A piece waits for the chapters before it, and as a text it would keep all the parts that
 * it was put together from, which take several times its size.
 */
async function* encoded(pieces: AsyncIterable<string>): AsyncGenerator<Uint8Array, void> {
  for await (const piece of pieces) yield Buffer.from(piece)
}
