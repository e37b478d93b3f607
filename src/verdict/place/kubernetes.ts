import type { KubernetesFacts } from '../../core/types.ts'
import { type CommandWords, PIPE, type PlaceCommands, program, type Variables, type Word } from '../command.ts'

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
  runInScript: ({ namespace, cronJob, container }, slot, variables) => [
    ...['run_job', slot, namespace, cronJob],
    `{.items[0].status.containerStatuses[${container === undefined ? '0' : `?(@.name=="${container}")`}].state.terminated.exitCode}`,
    ...variableWords(variables),
  ],
  script: `  run_job() { # the slot, namespace, CronJob, path of the exit code, and the variables
    slot=$1 namespace=$2 cronjob=$3 path=$4
    shift 4
    job=$cronjob-${TEN_DIGITS}
    kubectl create job "$job" --namespace "$namespace" --from "cronjob/$cronjob" --dry-run=client --output json |
      kubectl set env --local --filename - --output json "$@" |
      kubectl patch --local --filename - --output json --type merge --patch '${NO_RETRY}' |
      kubectl create --filename - || return
    while sleep 2; state=$(kubectl get job "$job" --namespace "$namespace" --output 'jsonpath={.status.conditions[?(@.status=="True")].type}') || return; do
      case $state in *Complete* | *Failed*) break ;; esac
    done
    code=$(kubectl get pods --namespace "$namespace" --selector "job-name=$job" --output "jsonpath=$path") || return
    ended "$slot" "$code" "Job $job"
  }`,
}

/** The name of a Job that is made by hand has no scheduled time, and a forced slot and an event time are an error. */
function variableWords(variables: Variables): CommandWords {
  const words = Object.entries(variables).map(
    ([name, value]): Word => (typeof value === 'string' ? `${name}=${value}` : [`${name}=`, value]),
  )
  return 'CRONLEDGER_EVENT_TIME' in variables ? words : ['CRONLEDGER_EVENT_TIME-', ...words]
}
