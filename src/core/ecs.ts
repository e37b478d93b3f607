/** The facts of Amazon ECS about the container of a process: enough to start its task again and to find its log. */
export interface EcsFacts {
  readonly region: string
  readonly cluster: string
  /** `family:revision` */
  readonly taskDefinition: string
  readonly container: string
  /** For example `FARGATE`, `EC2` or `EXTERNAL`. Left out if the metadata does not have it. */
  readonly launchType?: string
  /** True if the task has a network interface of its own, so that `run-task` needs a network configuration. */
  readonly awsvpc?: true
  /** The JSON for `run-task --network-configuration`, if a variable says it. Only the task record keeps it. */
  readonly network?: string
  /** The log group in CloudWatch, in the same Region. Left out if the log of the container goes elsewhere. */
  readonly logGroup?: string
  readonly logStream?: string
}

/** The facts of a process. Null: it does not run on ECS. Unknown: it does, and ECS did not say enough. */
export type KnownEcs = EcsFacts | null | 'unknown'

const TASK_ARN = /^arn:[^:]+:ecs:([^:]+):([^:]*):task\/(?:([^/]+)\/)?([^/]+)$/

/** Reads the ARN of an ECS task, `arn:aws:ecs:REGION:ACCOUNT:task/CLUSTER/ID`. One from before 2018 has no cluster. */
export function parseTaskArn(arn: string) {
  const [, region, account, cluster, id] = TASK_ARN.exec(arn) ?? []
  if (region === undefined || id === undefined) return null
  return { region, ...(account && { account }), ...(cluster !== undefined && { cluster }), id }
}
