import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { quote } from '../core/errors.ts'
import { defined } from '../core/objects.ts'
import type { Environment, KubernetesFacts } from '../core/types.ts'

/** `NAMESPACE/JOB/POD` or `NAMESPACE/JOB/POD/CONTAINER`, from the downward API. */
const POD_VARIABLE = 'CRONLEDGER_POD'

/** Kubernetes puts these files into each Pod that has a service account. */
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'

/** A CronJob makes Jobs whose names end with the scheduled minute, and the printed commands make some that end with ten digits. */
const JOB = /^(.+)-\d{8}(?:\d\d)?$/
/** As Kubernetes names a Pod of a Job. It shortens long names, which then say no Job. */
const POD_OF_JOB = /^(.+)-[a-z0-9]{5}$/
/** A row must stay small, and no longer name is a label. */
const NAMES = /^[a-z0-9][-a-z0-9.]{0,62}(\/[a-z0-9][-a-z0-9.]{0,62}){2,3}$/

/** Returns the place of this process if it is a Pod of a CronJob, and what is wrong with the variable. Asks no server. */
export function readPod(
  env: Environment,
  host: string,
  folder = ACCOUNT,
): { readonly place: KubernetesFacts | null; readonly warning?: string } {
  const given = env[POD_VARIABLE]
  if (given && !NAMES.test(given)) {
    const warning = `${POD_VARIABLE} is ${quote(given)}, which is not a Pod, so the printed commands are not for Kubernetes. Use NAMESPACE/JOB/POD/CONTAINER, as cronledger template cronjob does.`
    return { place: null, warning }
  }
  if (!given && !env['KUBERNETES_SERVICE_HOST']) return { place: null }
  const own = [fileIn(folder, 'namespace')?.toString().trim(), POD_OF_JOB.exec(host)?.[1], host]
  const [namespace, job, pod, container] = given ? given.split('/') : own
  const cronJob = JOB.exec(job ?? '')?.[1]
  if (!namespace || !cronJob) return { place: null }
  const authority = fileIn(folder, 'ca.crt')
  const clusterId = authority && createHash('sha256').update(authority).digest('hex').slice(0, 12)
  return { place: { kind: 'kubernetes', namespace, cronJob, ...defined({ clusterId, job, pod, container }) } }
}

function fileIn(folder: string, name: string): Buffer | undefined {
  try {
    return readFileSync(join(folder, name))
  } catch {
    return undefined
  }
}
