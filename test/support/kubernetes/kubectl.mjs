// A kubectl for tests, with a cluster in the folder CLUSTER: one CronJob, whose Jobs run at once. Each Pod is a process with the
// command of its container. With KUBECTL, that program does what needs no cluster.
import { spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

const { CLUSTER = '', KUBECTL } = process.env
// An option and its value are one word or two.
const args = process.argv.slice(2).flatMap((word) => {
  const [, name, value] = /^(--(?!dry-run)[a-z-]+)=(.*)$/s.exec(word) ?? []
  return name === undefined ? [word] : [name, value]
})
const file = (name) => join(CLUSTER, name)
const read = (name) => JSON.parse(readFileSync(file(name), 'utf8'))
const input = () => readFileSync(0, 'utf8')
const option = (name) => args[args.indexOf(`--${name}`) + 1]
const fail = (text) => {
  process.stderr.write(`${text}\n`)
  process.exit(1)
}
appendFileSync(file('asked'), `${JSON.stringify(args)}\n`)

function environmentOf({ env }, { namespace, job, pod }) {
  const fields = {
    'metadata.namespace': namespace,
    'metadata.name': pod,
    "metadata.labels['batch.kubernetes.io/job-name']": job,
  }
  const all = { KUBERNETES_SERVICE_HOST: '10.0.0.1' }
  for (const { name, value = '', valueFrom } of env)
    all[name] = valueFrom
      ? fields[valueFrom.fieldRef.fieldPath]
      : value.replace(/\$\$|\$\((\w+)\)/g, (found, other) => (found === '$$' ? '$' : (all[other] ?? found)))
  return all
}

function runJob({ metadata, spec }) {
  const { name: job, namespace } = metadata
  if (existsSync(file(job))) fail(`jobs.batch "${job}" already exists`)
  const pod = `${job}-x7k2p`
  const exitCodes = []
  for (let tries = 0; tries <= (spec.backoffLimit ?? 6); tries += 1) {
    const [container] = spec.template.spec.containers
    const [program, ...words] = container.command
    const env = { ...process.env, ...environmentOf(container, { namespace, job, pod }) }
    const { status, stderr } = spawnSync(program, words, { env, encoding: 'utf8' })
    appendFileSync(file(`log-${pod}`), stderr)
    exitCodes.push(status)
    const rules = spec.podFailurePolicy?.rules ?? []
    if (status === 0 || rules.some(({ onExitCodes }) => !onExitCodes.values.includes(status))) break
  }
  writeFileSync(file(job), JSON.stringify({ metadata, spec, exitCodes }))
}

const [verb, what, name] = args
if (args.includes('--local')) {
  const given = input()
  if (given === '') fail(`error: no objects passed to ${verb}`)
  if (KUBECTL) {
    const { status, stdout, stderr } = spawnSync(KUBECTL, args, { input: given, encoding: 'utf8' })
    process.stderr.write(stderr)
    process.stdout.write(stdout)
    process.exit(status)
  }
  const job = JSON.parse(given)
  if (verb === 'patch') Object.assign(job.spec, JSON.parse(option('patch')).spec)
  for (const { env } of verb === 'set' ? job.spec.template.spec.containers : []) {
    for (const change of args.filter((word) => /^\w+(?:=|-$)/.test(word))) {
      const [, key, value] = /^(\w+)(?:=(.*)|-)$/s.exec(change)
      const index = env.findIndex((one) => one.name === key)
      if (index >= 0) env.splice(index, 1)
      if (value !== undefined) env.push({ name: key, value })
    }
  }
  process.stdout.write(JSON.stringify(job))
} else if (verb === 'create' && what === 'job') {
  if (!args.includes('--dry-run=client')) fail('error: only a dry run is expected')
  const { metadata, spec } = parse(readFileSync(file('cronjob.yaml'), 'utf8'))
  if (option('from') !== `cronjob/${metadata.name}`) fail(`cronjobs.batch "${option('from')}" not found`)
  const made = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name, namespace: option('namespace') } }
  process.stdout.write(JSON.stringify({ ...made, spec: spec.jobTemplate.spec }))
} else if (verb === 'create') {
  const given = input()
  if (given === '') fail('error: no objects passed to create')
  const job = JSON.parse(given)
  runJob(job)
  process.stdout.write(`job.batch/${job.metadata.name} created\n`)
} else if (verb === 'get') {
  const job = what === 'job' ? name : option('selector').replace('job-name=', '')
  if (!existsSync(file(job))) {
    if (what === 'job') fail(`Error from server (NotFound): jobs.batch "${job}" not found`)
    process.stdout.write('{"items":[]}')
    process.exit()
  }
  const { exitCodes } = read(job)
  const exitCode = exitCodes.at(-1)
  const end = { type: exitCode === 0 ? 'Complete' : 'Failed', status: 'True' }
  const state = { terminated: { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error' } }
  // A service mesh adds a container of its own.
  const containerStatuses = [
    { name: 'proxy', state: { running: {} } },
    { name: 'batch', state },
  ]
  process.stdout.write(
    JSON.stringify(what === 'job' ? { status: { conditions: [end] } } : { items: [{ status: { containerStatuses } }] }),
  )
} else if (verb === 'config') {
  process.stdout.write(
    `test-cluster\n${existsSync(file('ca.crt')) ? readFileSync(file('ca.crt')).toString('base64') : ''}\n\n`,
  )
} else if (verb === 'logs') {
  process.stdout.write(readFileSync(file(`log-${what}`), 'utf8'))
} else {
  fail(`unknown: ${args.join(' ')}`)
}
