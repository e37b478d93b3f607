import { isRecord, listAt, textAt, valueAt } from '../../core/objects.ts'
import { parseOrNull } from '../../core/row/report.ts'
import type { KubernetesFacts } from '../../core/types.ts'
import {
  type CommandWords,
  lastLine,
  PIPE,
  type PlaceCommands,
  program,
  refusal,
  type TextVariables,
  type Variables,
  type Word,
} from '../command.ts'

/** Each reads a manifest and prints it changed. None asks the cluster. */
const CHANGE = { filename: '-', output: 'json' } as const

/** The retries of the CronJob would force the slot again after a failure. */
const NO_RETRY = '{"spec":{"backoffLimit":0}}'

/**
 * Ends the name of a Job, as long as a CronJob can have names. A schedule makes Jobs whose names end with the minute, in eight
 * digits, so that a Pod of either is known. A second would not do: several commands can be pasted at once.
 */
const TEN_DIGITS = '$(printf %010d $(od -An -N4 -tu4 /dev/urandom))'

export const KUBERNETES_COMMANDS: PlaceCommands<KubernetesFacts> = {
  start: ({ namespace, cronJob }, variables) => [
    ...program(['kubectl', 'create', 'job', [`${cronJob}-`, { shell: TEN_DIGITS }]], {
      namespace,
      from: `cronjob/${cronJob}`,
      output: 'json',
    }),
    // Its value cannot be a word of its own.
    '--dry-run=client',
    PIPE,
    ...program(['kubectl', 'set', 'env', '--local'], CHANGE),
    ...variableWords(variables),
    PIPE,
    ...program(['kubectl', 'patch', '--local'], { ...CHANGE, type: 'merge', patch: NO_RETRY }),
    PIPE,
    ...program(['kubectl', 'create'], { filename: '-' }),
  ],
  log({ namespace, pod, container }, since) {
    if (pod === undefined) return null
    return program(['kubectl', 'logs', pod], { namespace, container, 'since-time': since })
  },
  state({ namespace, pod }) {
    return pod === undefined ? null : program(['kubectl', 'get', 'pod', pod], { namespace })
  },
  tool: 'kubectl',
  name: ({ namespace, cronJob }) => `CronJob ${namespace}/${cronJob}`,
  problem: () => null,
  async begin(ask, { namespace, cronJob }, variables, token) {
    const name = `${cronJob}-${String(BigInt(`0x${token}`) % 10n ** 10n).padStart(10, '0')}`
    const from = [`--from=cronjob/${cronJob}`, `--namespace=${namespace}`, '--dry-run=client', '--output=json']
    const made = await ask(['kubectl', 'create', 'job', name, ...from])
    const job = made.code === 0 ? parseOrNull(made.stdout) : null
    if (job === null) return refusal(made, PASSING)
    const manifest = JSON.stringify(changedJob(job, variables))
    const created = await ask(['kubectl', 'create', `--namespace=${namespace}`, '--filename=-'], manifest)
    // The answer of an earlier try was lost: no other Job has this name.
    return created.code === 0 || created.stderr.includes('already exists')
      ? { kind: 'started', name }
      : refusal(created, PASSING)
  },
  async look(ask, { namespace, container }, name) {
    const get = (...words: readonly string[]) =>
      ask(['kubectl', 'get', ...words, `--namespace=${namespace}`, '--output=json'])
    const found = await get('job', name)
    const job = found.code === 0 ? parseOrNull(found.stdout) : null
    if (job === null)
      return /\(NotFound\)/.test(found.stderr) ? { kind: 'gone' } : { kind: 'unanswered', why: lastLine(found.stderr) }
    const end = listAt(job, 'status', 'conditions').find(
      (one) => textAt(one, 'status') === 'True' && /^(?:Complete|Failed)$/.test(textAt(one, 'type') ?? ''),
    )
    const { stdout } = await get('pods', `--selector=job-name=${name}`)
    const pod = valueAt(parseOrNull(stdout), 'items', 0)
    const all = listAt(pod, 'status', 'containerStatuses')
    const state = valueAt(all.find((one) => textAt(one, 'name') === container) ?? all[0], 'state')
    if (end !== undefined) {
      const exitCode = valueAt(state, 'terminated', 'exitCode')
      const why = textAt(state, 'terminated', 'reason') ?? textAt(end, 'message') ?? textAt(end, 'reason') ?? 'it ended'
      return { kind: 'ended', exitCode: typeof exitCode === 'number' ? exitCode : null, why }
    }
    if (valueAt(state, 'running') !== undefined || valueAt(state, 'terminated') !== undefined)
      return { kind: 'running' }
    const waiting = textAt(state, 'waiting', 'reason')
    return {
      kind: 'pending',
      why: waiting ?? textAt(pod, 'status', 'conditions', 0, 'message') ?? 'its Pod is pending',
    }
  },
  isOwn: ({ place }, name) => place?.kind === 'kubernetes' && place.job === name,
}

/** The cluster may not answer for a while, or has applied the request without an answer. */
const PASSING =
  /connect|time(?:d )?out|TLS handshake|EOF|Too ?[Mm]any ?[Rr]equests|InternalError|ServiceUnavailable|etcdserver|no such host/

/** A Job that is made by hand has no scheduled time, and its retries would force the slot again after a failure. */
function changedJob(job: unknown, variables: TextVariables): unknown {
  const changes = new Set(['CRONLEDGER_EVENT_TIME', ...Object.keys(variables)])
  // Kubernetes replaces $(NAME) in a value, and reads $$ as one $.
  const added = Object.entries(variables).map(([name, value]) => ({ name, value: value.replaceAll('$', '$$$$') }))
  const withVariables = (container: unknown) => {
    const kept = listAt(container, 'env').filter((one) => !changes.has(textAt(one, 'name') ?? ''))
    return { ...asRecord(container), env: [...kept, ...added] }
  }
  const [spec, template] = [asRecord(valueAt(job, 'spec')), asRecord(valueAt(job, 'spec', 'template'))]
  const pod = asRecord(template['spec'])
  const containers = listAt(pod, 'containers').map(withVariables)
  return {
    ...asRecord(job),
    spec: { ...spec, backoffLimit: 0, template: { ...template, spec: { ...pod, containers } } },
  }
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {}
}

/** The name of a Job that is made by hand has no scheduled time, and a forced slot and an event time are an error. */
function variableWords(variables: Variables): CommandWords {
  const words = Object.entries(variables).map(
    ([name, value]): Word => (typeof value === 'string' ? `${name}=${value}` : [`${name}=`, value]),
  )
  return 'CRONLEDGER_EVENT_TIME' in variables ? words : ['CRONLEDGER_EVENT_TIME-', ...words]
}
