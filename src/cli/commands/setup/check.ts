import { type ErrorKind, LedgerError } from '../../../core/errors.ts'
import type { Environment } from '../../../core/types.ts'
import { gravestExit } from '../../../exit-code.ts'
import { jsonArray, printable, safeJson } from '../../../format/text.ts'
import { createLedger } from '../../../ledger.ts'
import { systemClock } from '../../../process/clock.ts'
import { SETTINGS } from '../../../run/settings-table.ts'
import { type Role, type SetupFinding, wrong } from '../../../store/finding.ts'
import { inspectStore } from '../../../store/setup.ts'
import { printAll } from '../../output.ts'
import { type BatchOptions, inspectRun } from './check-run.ts'

interface SetupCheckOptions extends BatchOptions {
  readonly role: Role | undefined
  readonly skewMs: number | undefined
  readonly ledgerTimeoutMs: number | undefined
  readonly json: boolean | undefined
}

/** The width of the column of names. All names but one fit in it. */
const NAME_COLUMNS = 21

/** Checks everything that a run needs and prints a line for each. Returns the exit code of the gravest finding. */
export async function checkSetup(options: SetupCheckOptions, env: Environment): Promise<number> {
  const signal = AbortSignal.timeout(options.ledgerTimeoutMs ?? SETTINGS.ledgerTimeoutMs.default)
  const { role = 'operator', skewMs = SETTINGS.skewMs.default, task = null } = options
  const found = new Set<ErrorKind | null>()
  async function* findings() {
    const run = yield* inspectRun(options, env, signal)
    const hasRetention = run?.retentionMs !== undefined
    const settings = { env, role, task, skewMs, hasRetention, now: () => systemClock.now() }
    yield* inspectStore(options.store, settings, { signal })
    const isUsable = [...found].every((kind) => kind === null)
    if (task !== null && isUsable) yield* inspectTask(task, options.store, { skewMs, signal })
  }
  async function* counted() {
    for await (const finding of findings()) {
      found.add(finding.wrong)
      yield finding
    }
  }
  await printAll(options.json ? jsonArray(counted(), setupFindingJson) : lines(counted()), { toTheEnd: true })
  return gravestExit(found)
}

/**
 * Yields a finding if the record of the task cannot be used, or if a host whose clock was ahead has run the task. A task that
 * never ran has no record.
 */
async function* inspectTask(
  task: string,
  store: string,
  call: { readonly skewMs: number; readonly signal: AbortSignal },
): AsyncGenerator<SetupFinding> {
  const ledger = createLedger({ store })
  const now = new Date(systemClock.now())
  try {
    // Rows after the present are in every range that ends now.
    for await (const _ of ledger.check({ task, since: now, until: now, ...call }));
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error
    if (error.kind === 'shape') yield wrong('record', error)
  } finally {
    await ledger.close()
  }
}

async function* lines(findings: AsyncIterable<SetupFinding>) {
  for await (const { what, wrong, text } of findings) {
    yield `${printable(`${wrong === null ? 'ok   ' : 'wrong'}  ${what.padEnd(NAME_COLUMNS)}  ${text}`)}\n`
  }
}

/** Returns a finding as a JSON object for programs. `problem` is null if the check passed. */
function setupFindingJson({ what, wrong, text }: SetupFinding): string {
  return safeJson({ what, ok: wrong === null, problem: wrong, text })
}
