import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import cronledger from '../../../package.json' with { type: 'json' }
import { errorCode, firstLine, LedgerError, quote, usageError } from '../../core/errors.ts'
import { EXIT } from '../../core/exit.ts'
import { reportCsv, reportJson } from '../../format/report.ts'
import { printable } from '../../format/text.ts'
import { createLedger } from '../../ledger.ts'
import { systemClock } from '../../process/clock.ts'
import { findHost, operatorOf } from '../../process/host.ts'
import { SETTINGS } from '../../run/settings-table.ts'
import { describeStore } from '../../store/open.ts'
import { readAssets } from '../../web/server/assets.ts'
import { reportPieces } from '../../web/server/report.tsx'
import { unknownTaskOf, wantedTasks } from '../lookup.ts'
import { defineCommand } from '../options/arguments.ts'
import { COMMON, type CommandHelp } from '../options/options.ts'
import { print, printAll } from '../output.ts'
import { readReport } from './report/read.ts'

/** The mode of the report. A ledger file has the same mode, since it contains the same facts. */
const OWNER_ONLY = 0o600

/** How a report begins in each format. Only such a file is replaced. */
const BEGINS = {
  html: /^<!doctype html>/i,
  json: /^{"since":/i,
  csv: /^since,until/i,
  sha256: /^\\?[0-9a-f]{64} /,
} as const

const help = {
  name: 'report',
  summary:
    'Write a report for an auditor. For each task, it counts the slots that were due, in time, late, missed or failed, and the rejected duplicates. It lists what operators decided and why. The file needs no server and no network, and can be printed.',
  options: {
    store: COMMON.store,
    task: COMMON.someTasks,
    owner: COMMON.onlyOwner,
    since: { ...COMMON.since, otherwise: 'last month', details: 'In the zone of the task, or of most tasks.' },
    until: COMMON.until,
    format: {
      kind: 'choice',
      choices: ['html', 'json', 'csv'],
      default: 'html',
      help: 'File format; csv has one line for each task',
    },
    out: {
      kind: 'text',
      value: 'FILE|-',
      required: true,
      help: 'File to write or replace, or - for standard output',
      details: 'Its SHA-256 is printed, and written to FILE.sha256 for sha256sum --check.',
    },
    ledgerTimeoutMs: COMMON.ledgerTimeoutMs,
  },
  takesTask: true,
  examples: [
    ['cronledger report --store dynamodb:cronledger --out november.html', 'all tasks, the last calendar month'],
    ['cronledger report nightly … --since 2026-11-01 --until 2026-11-30 --out nightly.html', 'one task, one month'],
    ["cronledger report 'crm.*' … --out crm.html", 'the tasks of a tenant'],
  ],
  notes: `Exit codes: ${EXIT.ok} also if slots need attention, otherwise as in run.`,
} as const satisfies CommandHelp

export const report = defineCommand(help, async (values, { env, stops }) => {
  const { store, task, owner, out, format = 'html', ledgerTimeoutMs = SETTINGS.ledgerTimeoutMs.default } = values
  const sumOut = `${out}.sha256`
  const [place, sumPlace] =
    out === '-' ? [null, ''] : [await filePathOf(out, format), await filePathOf(sumOut, 'sha256')]
  const ledger = createLedger({ store })
  const query = {
    range: { since: values.since, until: values.until },
    task,
    owner,
    store: describeStore(store).nameAnywhere(),
    version: cronledger.version,
    by: operatorOf((await findHost(env)).host),
  }
  const read = await readReport(query, { ledger, ledgerTimeoutMs, signal: stops.aborted, now: systemClock.now() })
  if (read === null) {
    if (task !== undefined && wantedTasks(values).task !== undefined)
      throw await unknownTaskOf(ledger, { task, ledgerTimeoutMs })
    throw usageError('no task matches the given name and owner. To see all tasks: cronledger tasks')
  }
  const pieces =
    format === 'html' ? reportPieces(read, readAssets().style) : format === 'json' ? reportJson(read) : reportCsv(read)
  if (place === null) await printAll(pieces)
  else {
    const sum = await replaceFile(place, pieces)
    await replaceFile(sumPlace, [`${sumLine(sum, basename(out))}\n`])
    await print(printable(sumLine(sum, out)))
  }
})

/** `sha256sum --check` escapes these characters of a name. */
function sumLine(sum: string, name: string): string {
  const escaped = name.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
  return `${escaped === name ? '' : '\\'}${sum}  ${escaped}`
}

/** Returns the file behind a link. Throws a usage error if the file is not a report, because a ledger must not be replaced. */
async function filePathOf(path: string, format: keyof typeof BEGINS): Promise<string> {
  if (!existsSync(path)) return path
  if (!statSync(path).isFile()) {
    throw usageError(`--out ${quote(path)} is not a file. Use a file, or - for standard output.`)
  }
  const begin = await text(createReadStream(path, { end: 99, encoding: 'latin1' })).catch((error: unknown) => {
    throw usageError(`--out ${quote(path)} cannot be read: ${firstLine(error)}`)
  })
  if (begin !== '' && !BEGINS[format].test(begin)) {
    throw usageError(
      `--out ${quote(path)} exists and is not a report in this format, so it was not overwritten. Use another path, or remove the file.`,
    )
  }
  return realpathSync(path)
}

/** Renames the file when it is complete: an incomplete report could look like a complete one. Returns its SHA-256. */
async function replaceFile(path: string, pieces: Iterable<string>): Promise<string> {
  const hash = createHash('sha256')
  function* hashed() {
    for (const piece of pieces) {
      hash.update(piece)
      yield piece
    }
  }
  const begun = `${path}.${process.pid}.part`
  // After the rename there is nothing to remove.
  const remove = () => rmSync(begun, { force: true })
  // A signal ends the process here.
  process.once('exit', remove)
  try {
    await pipeline(hashed(), createWriteStream(begun, { flags: 'wx', flush: true, mode: OWNER_ONLY }))
    renameSync(begun, path)
    return hash.digest('hex')
  } catch (error) {
    const code = errorCode(error)
    if (error instanceof LedgerError || code === undefined) throw error
    const isFull = code === 'ENOSPC' || code === 'EDQUOT'
    const why = code === 'ENOENT' ? 'its folder does not exist. Create it first.' : firstLine(error)
    throw new LedgerError(isFull ? 'unreachable' : 'usage', `--out ${quote(path)} cannot be written: ${why}`)
  } finally {
    process.off('exit', remove)
    remove()
  }
}
