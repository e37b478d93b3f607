import type { EcsFacts } from '../../core/types.ts'
import { type Blank, type PlaceCommands, program, type Variables, type Word } from '../command.ts'

/** Where a batch runs on ECS. The ARN of its task has only the Region and the cluster. */
export type EcsPlace = Pick<EcsFacts, 'kind' | 'region' | 'cluster'> & Partial<EcsFacts>

/**
 * The launch types that a command must name. With `EC2`, a cluster with capacity providers would not get the instances that the
 * task needs, and AWS accepts no name for managed instances. Without a name, AWS takes what the cluster has as its default.
 * Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
 */
const NAMED: ReadonlySet<string> = new Set(['FARGATE', 'EXTERNAL'])

export const ECS_COMMANDS: PlaceCommands<EcsPlace> = {
  start: runTaskCommand,
  log({ region, logGroup, logStream }, since) {
    if (logGroup === undefined || logStream === undefined) return null
    return program(['aws', 'logs', 'tail', logGroup], { region, 'log-stream-names': logStream, since })
  },
  state({ region, cluster }, { ecsTask }) {
    if (ecsTask === undefined) return null
    const query = 'tasks[0].lastStatus'
    return program(['aws', 'ecs', 'describe-tasks'], { region, cluster, tasks: ecsTask, query, output: 'text' })
  },
  runInScript: (place, slot, variables) => [
    ...['run_task', slot, place.region, place.cluster, exitCodeQuery(place)],
    ...runTaskCommand(place, variables),
  ],
  script: `  run_task() { # the slot, Region, cluster, query for the exit code, and the command that starts the task
    slot=$1 region=$2 cluster=$3 query=$4
    shift 4
    task=$("$@") || return
    case $task in
      arn:*) echo "$slot: started $task" ;;
      *) echo "$slot: ECS started nothing: $task" >&2; return 1 ;;
    esac
    # The wait gives up after ten minutes. A batch may take longer.
    until aws ecs wait tasks-stopped --region "$region" --cluster "$cluster" --tasks "$task" 2>/dev/null; do
      state=$(aws ecs describe-tasks --region "$region" --cluster "$cluster" --tasks "$task" --query 'tasks[0].lastStatus' --output text) || return
      [ "$state" != None ] || break
      sleep 5
    done
    code=$(aws ecs describe-tasks --region "$region" --cluster "$cluster" --tasks "$task" --query "$query" --output text) || return
    ended "$slot" "$code" "$task"
  }`,
}

/** The container has all other options of the run, so only these variables are given. */
function runTaskCommand(
  { region, cluster, taskDefinition, container, launchType, awsvpc, network }: EcsPlace,
  variables: Variables,
) {
  const environment = Object.entries(variables).flatMap(([name, value], index) => [
    `${index === 0 ? '' : ','}{"name":"${name}","value":`,
    ...jsonText(value),
    '}',
  ])
  const name = jsonText(container ?? { blank: 'container', inQuotes: true })
  return program(['aws', 'ecs', 'run-task'], {
    region,
    cluster,
    'task-definition': taskDefinition ?? [{ blank: 'taskDefinition' }],
    'launch-type': launchType !== undefined && NAMED.has(launchType) ? launchType : undefined,
    'network-configuration': network ?? (awsvpc ? networkWord(launchType) : undefined),
    overrides: ['{"containerOverrides":[{"name":', ...name, ',"environment":[', ...environment, ']}]}'],
    // The ARN of the task that was started, or why none was: AWS answers both with success.
    query: '[tasks[].taskArn,failures[].reason][]',
    output: 'text',
  })
}

/** Returns the query that finds the exit code of the batch in the answer of `describe-tasks`: a task may have other containers. */
function exitCodeQuery({ container }: EcsPlace): string {
  const which = container === undefined ? '0' : `?name=='${container.replace(/[\\']/g, '\\$&')}'`
  return `tasks[0].containers[${which}].exitCode${container === undefined ? '' : ' | [0]'}`
}

function jsonText(value: string | Blank): Exclude<Word, string> {
  return typeof value === 'string' ? [JSON.stringify(value)] : ['"', value, '"']
}

/** On Fargate, a task in a public subnet needs a public IP address to pull its image. On EC2, AWS refuses it. */
function networkWord(launchType: string | undefined): Word {
  const publicIp: Word = launchType === 'FARGATE' ? ['],assignPublicIp=', { blank: 'publicIp' }, '}'] : [']}']
  return [
    'awsvpcConfiguration={subnets=[',
    { blank: 'subnets' },
    '],securityGroups=[',
    { blank: 'securityGroups' },
    ...publicIp,
  ]
}
