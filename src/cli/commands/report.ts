import {
  closeSync,
  createWriteStream,
  existsSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { errorCode, firstLine, LedgerError, quote, usageError } from '../../core/errors.ts'
import { checkTaskName } from '../../core/user-text.ts'
import { printable } from '../../format/text.ts'
import { createLedger } from '../../ledger.ts'
import { systemClock } from '../../process/clock.ts'
import { SETTINGS } from '../../run/settings-table.ts'
import { describeStore } from '../../store/open.ts'
import { readAssets } from '../../web/server/assets.ts'
import { reportPieces } from '../../web/server/report.tsx'
import { defineCommand } from '../command.ts'
import { readBoundedRange, unknownTaskOf } from '../lookup.ts'
import { COMMON, type CommandHelp } from '../options/options.ts'
import { print, printAll } from '../output.ts'

/** The mode of the report. A ledger file has the same mode, since it contains the same facts. */
const OWNER_ONLY = 0o600

const PAGE_BEGIN = '<!doctype html>'

const help = {
  name: 'report',
  summary:
    'Write what needs attention, all tasks, and each slot that did not complete as usual into one HTML file, for example for a ticket or an auditor. The file needs no server and no network.',
  options: {
    store: COMMON.store,
    task: COMMON.onlyTask,
    since: { ...COMMON.since, otherwise: '30d' },
    until: COMMON.until,
    out: {
      kind: 'text',
      value: 'FILE|-',
      required: true,
      help: 'HTML file to write or replace, or - for standard output',
    },
    ledgerTimeoutMs: COMMON.ledgerTimeoutMs,
  },
  takesTask: true,
  examples: [
    ['cronledger report --store dynamodb:cronledger --since 30d --out report.html', 'all tasks of thirty days'],
    ['cronledger report nightly … --since 2026-11-01 --until 2026-11-30 --out nightly.html', 'one task, one month'],
  ],
  notes: 'Exit codes: 0 also if slots need attention, otherwise as in run.',
} as const satisfies CommandHelp

export const report = defineCommand(help, async (values, { stops }) => {
  const { store, task, out } = values
  if (task !== undefined) checkTaskName(task)
  const place = out === '-' ? null : filePathOf(out)
  const now = systemClock.now()
  const reading = {
    ledger: createLedger({ store }),
    ledgerTimeoutMs: values.ledgerTimeoutMs ?? SETTINGS.ledgerTimeoutMs.default,
    signal: stops.aborted,
    now,
  }
  const { since, until } = await readBoundedRange(values, reading.ledger, now, help.options.since.otherwise)
  const about = {
    span: { since, until },
    task,
    store: describeStore(store).nameAnywhere(),
    style: readAssets().style,
  }
  const pieces = await reportPieces(about, reading)
  if (pieces === null)
    throw await unknownTaskOf(reading.ledger, { task: task ?? '', ledgerTimeoutMs: reading.ledgerTimeoutMs })
  if (place === null) await printAll(pieces)
  else {
    await replaceFile(place, pieces)
    await print(printable(out))
  }
})

/**
 * Returns the path of the file to replace. For a link, this is the file that the link leads to.
 *
 * Throws a usage error for a device or a pipe, which cannot be replaced, and for a file that is not an HTML page. Such
 * a file is not an earlier report, and a typing error must not replace a ledger.
 */
function filePathOf(path: string): string {
  if (!existsSync(path)) return path
  if (!statSync(path).isFile()) {
    throw usageError(`--out ${quote(path)} is not a file. Use a file, or - for standard output.`)
  }
  let begin: string
  try {
    begin = beginOf(path)
  } catch (error) {
    throw usageError(`--out ${quote(path)} cannot be read: ${firstLine(error)}`)
  }
  if (begin !== '' && begin.toLowerCase() !== PAGE_BEGIN) {
    throw usageError(
      `--out ${quote(path)} exists and is not an HTML page, so it was not overwritten. Use another path, or remove the file.`,
    )
  }
  return realpathSync(path)
}

function beginOf(path: string): string {
  const bytes = Buffer.alloc(PAGE_BEGIN.length)
  const file = openSync(path, 'r')
  try {
    return bytes.toString('latin1', 0, readSync(file, bytes))
  } finally {
    closeSync(file)
  }
}

/**
 * Writes the report to another file in the same folder, and renames that when it is complete. Otherwise an incomplete
 * report could look like a complete one. Throws a usage error if the file cannot be written.
 */
async function replaceFile(path: string, pieces: AsyncIterable<string | Uint8Array>): Promise<void> {
  const begun = `${path}.${process.pid}.part`
  // After the rename there is nothing to remove.
  const remove = () => rmSync(begun, { force: true })
  // A signal ends the process here.
  process.once('exit', remove)
  try {
    await pipeline(pieces, createWriteStream(begun, { flags: 'wx', flush: true, mode: OWNER_ONLY }))
    renameSync(begun, path)
  } catch (error) {
    if (error instanceof LedgerError || errorCode(error) === undefined) throw error
    throw usageError(`--out ${quote(path)} cannot be written: ${firstLine(error)}`)
  } finally {
    process.off('exit', remove)
    remove()
  }
}
