import { isSea } from 'node:sea'
import type { Ledger, RunOptions } from '../../../api.ts'
import { type ErrorKind, LedgerError, quote, usageError } from '../../../core/errors.ts'
import { EXIT } from '../../../core/exit.ts'
import { formatInstant } from '../../../core/instant.ts'
import { defined } from '../../../core/objects.ts'
import { readNetwork } from '../../../core/place.ts'
import type { Schedule } from '../../../core/schedule/schedule.ts'
import { readSchedule } from '../../../core/schedule/schedule-options.ts'
import { scheduleWarnings } from '../../../core/schedule/warnings.ts'
import { SELF } from '../../../core/task/upstream.ts'
import type { Environment } from '../../../core/types.ts'
import { checkTaskName } from '../../../core/user-text.ts'
import { gravestExit } from '../../../exit-code.ts'
import { printable, safeJson } from '../../../format/text.ts'
import { createLedger } from '../../../ledger.ts'
import { systemClock, ZONE_DATA } from '../../../process/clock.ts'
import { NETWORK_VARIABLE } from '../../../process/host.ts'
import { readSettings } from '../../../run/settings.ts'
import { SETTINGS } from '../../../run/settings-table.ts'
import { readTrigger, type TriggerInput } from '../../../run/trigger.ts'
import { look, ok, type Role, type SetupFinding, wrong } from '../../../store/finding.ts'
import { inspectStore } from '../../../store/open.ts'
import { readOptions } from '../../options/arguments.ts'
import { readEventTime } from '../../options/event.ts'
import { variableWarnings } from '../../options/mistakes.ts'
import { RUN_OPTIONS } from '../../options/run-options.ts'
import { printTexts } from '../../output.ts'
import { runOptions } from '../run.ts'

export interface SetupCheckOptions {
  readonly store: string
  readonly task: string | undefined
  readonly role: Role | undefined
  readonly ledgerTimeoutMs: number | undefined
}

const NAME_COLUMNS = 22

export async function checkSetup(options: SetupCheckOptions, json: boolean, env: Environment): Promise<number> {
  const found = new Set<ErrorKind | null>()
  async function* texts() {
    for await (const { what, wrong, text } of inspectSetup(options, env)) {
      found.add(wrong)
      yield json
        ? safeJson({ what, ok: wrong === null, problem: wrong, text })
        : printable(`${wrong === null ? 'ok   ' : 'wrong'}  ${what.padEnd(NAME_COLUMNS)}  ${text}`)
    }
  }
  await printTexts(texts(), json, { toTheEnd: true })
  return gravestExit(found)
}

export async function* inspectSetup(options: SetupCheckOptions, env: Environment): AsyncGenerator<SetupFinding> {
  const { store, task = null, role = 'operator', ledgerTimeoutMs = SETTINGS.ledgerTimeoutMs.default } = options
  const signal = AbortSignal.timeout(ledgerTimeoutMs)
  const run = yield* inspectRun(options, env, signal)
  const { skewMs = SETTINGS.skewMs.default, retentionMs } = run ?? {}
  const ledger = createLedger({ store })
  const settings = {
    env,
    role,
    task,
    skewMs,
    hasRetention: retentionMs !== undefined,
    now: () => systemClock.now(),
    async after() {
      // A forced run comes after those that the record names.
      const names = [...(run?.after ?? []), ...(task === null ? [] : await recordedAfter(task, ledger, signal))]
      return [...new Set(names)].filter((name) => name !== SELF)
    },
  }
  let isUsable = true
  try {
    for await (const finding of inspectStore(store, settings, { signal })) {
      isUsable &&= finding.wrong === null
      yield finding
    }
    if (task !== null && isUsable) yield* inspectTask(task, ledger, signal)
  } finally {
    await ledger.close()
  }
}

async function recordedAfter(task: string, ledger: Ledger, signal: AbortSignal): Promise<readonly string[]> {
  try {
    for await (const { expectations } of ledger.tasks({ task, signal })) return expectations?.after ?? []
    return []
  } catch (error) {
    // A record that cannot be used is a finding of its own.
    if (error instanceof LedgerError) return []
    throw error
  }
}

/** Finds a record that cannot be used, and a host whose clock was ahead. A task that never ran has no record. */
async function* inspectTask(task: string, ledger: Ledger, signal: AbortSignal): AsyncGenerator<SetupFinding> {
  const now = new Date(systemClock.now())
  try {
    // Rows after the present are in every range that ends now.
    for await (const _ of ledger.check({ task, since: now, until: now, signal }));
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error
    if (error.kind === 'shape') yield wrong('record', error)
  }
}

/** It has a slot for every event time, and finds the errors that an event time has under every schedule. */
const ANY_SCHEDULE = { schedule: '@daily' }

/** The options of `run`, none of them required: what is not set here may come from the flags of the run. */
const { store: _, task: __, schedule, ...REST } = RUN_OPTIONS
const OPTIONS = { ...REST, schedule: { ...schedule, required: undefined } }
const RUN = { name: 'run', summary: '', options: OPTIONS, examples: [] }

/** The settings of a run in this environment. Those that cannot be read are left out. */
interface Read {
  options?: RunOptions
  eventTime?: string | undefined
  schedule?: Schedule
}

/** Yields a finding for each value that a run here would read. A wrong one would end the run with 64. Returns its options. */
async function* inspectRun(
  { store, task }: { readonly store: string; readonly task: string | undefined },
  env: Environment,
  stop: AbortSignal,
): AsyncGenerator<SetupFinding, RunOptions | undefined> {
  yield* inspectContainer(env)
  const { NODE_OPTIONS: nodeOptions } = env
  // The executable ignores it.
  if (nodeOptions && !isSea()) {
    yield ok(
      'NODE_OPTIONS',
      `warning: Node applies ${quote(nodeOptions)} to cronledger, too. Without a module that it loads, no batch starts. Set it for the batch only: -- env NODE_OPTIONS=… COMMAND`,
    )
  }
  const read: Read = {}
  const options = await look('options', async () => {
    const values = readOptions(RUN, [], env)
    read.eventTime = values.eventTime
    const all = { ...values, task: task ?? '', schedule: values.schedule ?? '', eventTime: undefined }
    read.options = await runOptions(all, stop)
    readSettings(defined(read.options))
    return variableWarnings(RUN.name, { ...values, store, task }, env)
      .map((warning) => `warning: ${warning}`)
      .join(' ')
  })
  if (options.wrong !== null || options.text !== '') yield options
  if (task !== undefined) {
    yield await look('task', () => {
      checkTaskName(task)
      return task
    })
  }
  const run = read.options
  if (run === undefined) return undefined
  if (run.schedule !== '') {
    yield await look('schedule', () => {
      read.schedule = readSchedule(run)
      const { expression, zone } = read.schedule.spec
      return [`${expression} in ${zone}`, ...scheduleWarnings(read.schedule, systemClock.now(), ZONE_DATA)].join('. ')
    })
  } else if (run.timezone !== undefined) {
    const { timezone } = run
    const zoneOf = () => readSchedule({ ...ANY_SCHEDULE, timezone }).spec.zone
    yield await look('schedule', () => `not set here; its time zone is ${zoneOf()}`)
  }
  if (options.wrong === null) yield await look('event time', () => eventTimeText(run, read, stop))
  return run
}

/** Yields a finding about the network and one about the secrets of a container on ECS, as its task definition sets them. */
async function* inspectContainer(env: Environment): AsyncGenerator<SetupFinding> {
  const network = env[NETWORK_VARIABLE]
  if (network || env['ECS_CONTAINER_METADATA_URI_V4']) yield await look('network', () => networkText(network ?? ''))
  const names = env['CRONLEDGER_SECRETS']?.split(',').filter(Boolean) ?? []
  const empty = names.filter((name) => !env[name])
  if (names.length === 0) return
  yield await look('secrets', () => {
    if (empty.length === 0) return names.join(', ')
    throw usageError(
      `${empty.join(', ')} ${empty.length === 1 ? 'is' : 'are'} empty. Look at the value of the secret, and at the key of its JSON.`,
    )
  })
}

/** Describes the network that printed commands have. No metadata of a task has the ids of its network. */
function networkText(given: string): string {
  if (given === '') return `${NETWORK_VARIABLE} is not set, so printed commands have blanks for the network`
  const network = readNetwork(given)
  if (network === null) throw usageError(`${NETWORK_VARIABLE} is ${quote(given)}, which is not the network of a task.`)
  const { subnets, securityGroups = [] } = JSON.parse(network).awsvpcConfiguration
  const wrong = [
    ...subnets.filter((id: string) => !/^subnet-[0-9a-z]+$/.test(id)),
    ...securityGroups.filter((id: string) => !/^sg-[0-9a-z]+$/.test(id)),
  ]
  if (wrong.length > 0)
    throw usageError(`${NETWORK_VARIABLE} has ${wrong.map(quote).join(', ')}. Use ids of subnets and security groups.`)
  const single = '. If its Availability Zone has no capacity, no task starts: give two'
  return [...subnets, ...securityGroups].join(', ') + (subnets.length === 1 ? single : '')
}

async function eventTimeText(run: RunOptions, { eventTime, schedule }: Read, stop: AbortSignal): Promise<string> {
  const { force } = run
  // Standard input can be read only once, and the run must do that.
  if (eventTime === '-' && force === undefined) return 'from standard input (CRONLEDGER_EVENT_TIME)'
  if (eventTime === undefined && force === undefined) {
    const without = run.strict ? `starts nothing (${EXIT.usage})` : 'uses the time of its own start'
    return `not set here. Without it, a run ${without}. Let the scheduler pass it (cronledger help run: --event-time)`
  }
  const input: TriggerInput = {
    eventTime: eventTime === undefined || eventTime === '-' ? eventTime : await readEventTime(eventTime, stop),
    force: force && {
      // If the schedule is not known, `latest` is the only slot that certainly exists.
      slot: schedule === undefined ? 'latest' : force.slot,
      reason: force.reason,
      by: force.by ?? 'setup --check',
    },
  }
  const settings = readSettings(defined(run))
  const read = readTrigger(input, schedule ?? readSchedule(ANY_SCHEDULE), settings, systemClock.now())
  if (read.trigger.kind === 'forced') {
    const slot = schedule === undefined ? force?.slot : formatInstant(read.window.slot)
    return `none: CRONLEDGER_FORCE_SLOT is set, so each run here runs the slot ${slot}`
  }
  const text = `${formatInstant(read.trigger.eventTime)}, from CRONLEDGER_EVENT_TIME`
  if (schedule === undefined || !read.notices.some((notice) => notice.event === 'schedule-mismatch')) return text
  if (read.objection === null) return `${text}; it does not match the schedule`
  throw usageError(`${text}, does not match the schedule. A run would be refused, because --strict is set.`)
}
