import { createHash } from 'node:crypto'
import { raw } from 'hono/html'
import type { Report } from '../../format/report.ts'
import { pageText } from '../views/frame/document.tsx'
import { UTC, wallClock } from '../views/frame/time.tsx'
import { hasMore, TaskChapter } from '../views/report/chapter.tsx'
import { ReportHashes, ReportSummary, reportTitle } from '../views/report/report.tsx'

/** Marks the position in an element where the pieces go. Text of a ledger cannot contain it, because it is escaped. */
const PIECES = '<!-- pieces -->'

/** Yields one HTML file, task by task. Its policy allows only its own style and images in `data:` addresses. */
export function* reportPieces(report: Report, style: string): Generator<string, void> {
  const hash = createHash('sha256').update(style).digest('base64')
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'`
  const text = pageText({
    title: reportTitle(report, wallClock(report.zone)),
    dress: { kind: 'alone', style: raw(style), policy },
    store: report.store,
    clock: UTC,
    now: report.madeAt,
    pollMs: null,
    children: [<ReportSummary report={report} />, raw(PIECES), <ReportHashes report={report} />],
  })
  const [before = '', after = ''] = text.split(PIECES)
  yield before
  for (const task of report.tasks) if (hasMore(task)) yield String(<TaskChapter task={task} />)
  yield after
}
