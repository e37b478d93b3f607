import { type ErrorKind, LedgerError } from '../../../core/errors.ts'
import { SELF } from '../../../core/task/upstream.ts'
import type { Environment } from '../../../core/types.ts'
import { gravestExit } from '../../../exit-code.ts'
import { jsonArray, printable, safeJson } from '../../../format/text.ts'
import { createLedger } from '../../../ledger.ts'
import { systemClock } from '../../../process/clock.ts'
import { SETTINGS } from '../../../run/settings-table.ts'
import { type Role, type SetupFinding, wrong } from '../../../store/finding.ts'
import { inspectStore } from '../../../store/open.ts'
import { printAll } from '../../output.ts'
import { inspectRun } from './check-run.ts'

export interface SetupCheckOptions {
  readonly store: string
  readonly task: string | undefined
  readonly role: Role | undefined
  readonly ledgerTimeoutMs: number | undefined
}

/** The width of the column of names. All names but one fit in it. */
const NAME_COLUMNS = 22

/** Returns the exit code of the gravest finding. */
export async function checkSetup(
  options: SetupCheckOptions & { readonly json: boolean | undefined },
  env: Environment,
): Promise<number> {
  const found = new Set<ErrorKind | null>()
  async function* counted() {
    for await (const finding of inspectSetup(options, env)) {
      found.add(finding.wrong)
      yield finding
    }
  }
  const jsonOf = ({ what, wrong, text }: SetupFinding) => safeJson({ what, ok: wrong === null, problem: wrong, text })
  await printAll(options.json ? jsonArray(counted(), jsonOf) : lines(counted()), { toTheEnd: true })
  return gravestExit(found)
}

/** Yields a finding for everything that a run needs. It changes nothing. */
export async function* inspectSetup(options: SetupCheckOptions, env: Environment): AsyncGenerator<SetupFinding> {
  const { store, task = null, role = 'operator', ledgerTimeoutMs = SETTINGS.ledgerTimeoutMs.default } = options
  const signal = AbortSignal.timeout(ledgerTimeoutMs)
  const run = yield* inspectRun(options, env, signal)
  const { skewMs = SETTINGS.skewMs.default, retentionMs } = run ?? {}
  const settings = {
    ...{ env, role, task, skewMs, hasRetention: retentionMs !== undefined },
    now: () => systemClock.now(),
    async after() {
      // A forced run comes after those that the record names.
      const names = [...(run?.after ?? []), ...(task === null ? [] : await recordedAfter(task, store, signal))]
      return [...new Set(names)].filter((name) => name !== SELF)
    },
  }
  let isUsable = true
  for await (const finding of inspectStore(store, settings, { signal })) {
    isUsable &&= finding.wrong === null
    yield finding
  }
  if (task !== null && isUsable) yield* inspectTask(task, store, { skewMs, signal })
}

async function recordedAfter(task: string, store: string, signal: AbortSignal): Promise<readonly string[]> {
  const ledger = createLedger({ store })
  try {
    for await (const { expectations } of ledger.tasks({ task, signal })) return expectations?.after ?? []
    return []
  } catch (error) {
    // A record that cannot be used is a finding of its own.
    if (error instanceof LedgerError) return []
    throw error
  } finally {
    await ledger.close()
  }
}

/** Finds a record that cannot be used, and a host whose clock was ahead. A task that never ran has no record. */
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
