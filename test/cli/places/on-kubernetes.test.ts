import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { commandText } from '../../../src/format/command-line.ts'
import { insideQuotes } from '../../../src/format/text.ts'
import { readSchema } from '../../../src/store/schema.ts'
import { rerunStep } from '../../../src/verdict/steps.ts'
import { blocksIn } from '../../docs/markdown.ts'
import { cronledger, type Loose, MAIN, scratch } from '../../support/cli.ts'
import { slotOn } from '../../support/today.ts'

// What the program prints for a CronJob, pasted into a shell with a kubectl whose cluster runs the Jobs at once.

const folder = scratch()
const KUBECTL = fileURLToPath(new URL('../../support/kubernetes/kubectl.mjs', import.meta.url))
/** The one of `.ci/schedulers`, for what needs no cluster. Without it, the one of the tests does that as well. */
const REAL =
  process.env['SCHEDULERS'] === undefined ? {} : { KUBECTL: join(process.env['SCHEDULERS'], 'kubectl/usr/bin/kubectl') }
const HOSTILE = `it's 'bad' input; |&<>*? #! 入力`
/** What a paste would not stand: a rerun gives it to the cluster as data. */
const WORSE = `${HOSTILE} "$(touch no)" \`id\` $(CRONLEDGER_STORE) $$ \\`

/** 03:00 in Tokyo. */
const slotOf = (daysAgo: number) => slotOn(daysAgo + 1, 18)

/** The manifest of `cronledger template cronjob`, on a file ledger, with a batch that fails while the file `fails` has a slot. */
async function clusterWith(change: (spec: Loose) => void = () => {}) {
  const cluster = mkdtempSync(join(folder, 'cluster-'))
  const store = `file:${join(cluster, 'ledger.db')}`
  const manifest: Loose = parseYaml(readSchema('cronjob.yaml'))
  const { spec } = manifest['spec'].jobTemplate
  const [container] = spec.template.spec.containers
  const script = `echo "$CRONLEDGER_RUN_SLOT" >>'${cluster}/ran'; ! grep -q "$CRONLEDGER_RUN_SLOT" '${cluster}/fails' || exit 2`
  container.command = [process.execPath, MAIN, 'run', '--', 'sh', '-c', script]
  const variable = (name: string) => container.env.find((one: Loose) => one['name'] === name)
  variable('CRONLEDGER_STORE').value = store
  container.env.push(
    { name: 'CRONLEDGER_NOTIFY', value: `cat >>'${cluster}/sent'` },
    { name: 'CRONLEDGER_MAX_LATENESS', value: '366d' },
    { name: 'CRONLEDGER_LOG', value: 'text' },
  )
  change(spec)
  // JSON is YAML.
  writeFileSync(join(cluster, 'cronjob.yaml'), JSON.stringify(manifest))
  for (const name of ['ran', 'fails']) writeFileSync(join(cluster, name), '')
  for (const [name, program] of Object.entries({ kubectl: KUBECTL, cronledger: MAIN }))
    writeFileSync(join(cluster, name), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`, { mode: 0o755 })
  // Two commands within one second must not make Jobs of one name.
  writeFileSync(join(cluster, 'date'), '#!/bin/sh\necho 1795543200\n', { mode: 0o755 })
  await cronledger(['setup', '--store', store])
  const env = { ...REAL, CLUSTER: cluster, PATH: `${cluster}:/usr/bin:/bin`, USER: 'ada', LANG: 'C.UTF-8' }
  const paste = (command: string) =>
    promisify(execFile)('sh', ['-c', command], { env, encoding: 'utf8' }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
    )
  return {
    paste,
    /** Runs a rerun on a terminal, where the operator confirms the cluster, or without one. */
    rerun(answer: 'y' | 'n' | null, ...args: readonly string[]) {
      const words = ['cronledger', 'rerun', ...args, '--store', store]
        .map((word) => `'${insideQuotes(word)}'`)
        .join(' ')
      if (answer === null) return paste(`${words} </dev/null`)
      return paste(`printf '${answer}\\n' | script -qec '${insideQuotes(words)}' /dev/null`)
    },
    /** As the controller makes it: the name ends with the scheduled minute. */
    async fire(slot: string) {
      const name = `nightly-${Date.parse(slot) / 60_000}`
      const job = JSON.stringify({ metadata: { name, namespace: 'batch' }, spec })
      await paste(`kubectl create --filename - <<'END'\n${job}\nEND\n`)
      return { name, log: readFileSync(join(cluster, `log-${name}-x7k2p`), 'utf8') }
    },
    failIn: (...slots: readonly string[]) => writeFileSync(join(cluster, 'fails'), slots.join('\n')),
    /** What the runs and checks have sent. */
    sent: () => readFileSync(join(cluster, 'sent'), 'utf8').match(/(?<=^{"title":")\w+/gm),
    ran: () => readFileSync(join(cluster, 'ran'), 'utf8').trim().split('\n'),
    /** Runs a command of an operator, who is not in the cluster. */
    ask: (...args: readonly string[]) => cronledger([...args, '--store', store], { env: {} }),
  }
}

/** Returns the command of the next step with these words. */
function stepOf(text: string, what: string): string {
  const line = text.split('\n').find((one) => one.startsWith(`  ${what}:`))
  if (line === undefined) throw new Error(`no step ${what}: ${text}`)
  return line.slice(what.length + 3).trim()
}

const filledIn = (command: string, reason: string) => command.replace('YOUR REASON', () => reason)

describe('pasted from a batch in a Pod of a CronJob', () => {
  // promise: on-kubernetes
  test('the line of a failure: the log of its Pod, and a Job that runs the slot again', async () => {
    const { fire, paste, failIn, ran, ask } = await clusterWith()
    const slot = slotOf(2)
    failIn(slot)
    const { name, log } = await fire(slot)
    const pod = `kubectl logs ${name}-x7k2p --namespace batch --container batch --since-time `
    expect(stepOf(log, 'check its log')).toContain(pod)
    expect((await paste(stepOf(log, 'check its log'))).stdout).toBe(log)

    const again = stepOf(log, 'run it again')
    expect(again).not.toMatch(/YOUR_/)
    const shown = (await ask('show', 'nightly', '--slot', slot, '--ids')).stdout
    const checked = (await ask('check', 'nightly', '--since', slotOf(3), '--until', slotOf(1))).stdout
    for (const text of [shown, checked]) {
      expect(text).toContain(pod)
      expect(text).toContain(again)
    }
    expect(shown).toContain(`Job ${name}, namespace batch, container batch`)

    failIn()
    expect((await paste(filledIn(again, HOSTILE))).code).toBe(0)
    expect(ran()).toEqual([slot, slot])
    const { attempts } = JSON.parse((await ask('show', 'nightly', '--slot', slot, '--json')).stdout)
    expect(attempts[0].kubernetes).toEqual({
      namespace: 'batch',
      cronJob: 'nightly',
      job: name,
      pod: `${name}-x7k2p`,
      container: 'batch',
    })
    expect(attempts[1]).toMatchObject({
      trigger: { kind: 'forced', by: 'ada', reason: HOSTILE },
      kubernetes: { cronJob: 'nightly', job: expect.stringMatching(/^nightly-\d{10}$/) },
    })
  })

  test('the operating guide shows the command as it is printed', () => {
    const [block] = blocksIn(new URL('../../../docs/guides/operating.md', import.meta.url)).filter(({ text }) =>
      text.includes('kubectl create job'),
    )
    const place = { kind: 'kubernetes', namespace: 'batch', cronJob: 'nightly' } as const
    const target = { store: '', task: 'nightly', slot: Date.parse('2026-11-24T18:00:00Z'), place }
    const printed = filledIn(commandText(rerunStep('run it again', target).command), "the batch's input was fixed")
    expect(block?.text.trim().replace(/ \\\n */g, ' ')).toBe(printed)
  })

  test('a Job that is made by hand runs the batch once, although the CronJob retries each failure', async () => {
    const { fire, paste, failIn, ran } = await clusterWith((spec) => {
      delete spec['podFailurePolicy']
      spec['backoffLimit'] = 2
    })
    failIn(slotOf(2))
    const { log } = await fire(slotOf(2))
    await paste(filledIn(stepOf(log, 'run it again'), 'again'))
    expect(ran()).toEqual([slotOf(2), slotOf(2)])
  })

  test('rerun starts a Job for each slot, the oldest first, ends with the code of the first that fails, and goes on with the same command', async () => {
    const { fire, rerun, failIn, ran, ask, sent } = await clusterWith()
    await fire(slotOf(5))
    failIn(slotOf(2))
    await fire(slotOf(2))
    const range = ['--from', slotOf(5), '--until', slotOf(1), '--reason', WORSE, '--by', 'Ada']
    // The ledger does not know the cluster, and nobody can be asked whether it is that of kubectl.
    const unsure = await rerun(null, 'nightly', ...range)
    expect([unsure.code, ran().length]).toEqual([65, 2])
    const leftOut = unsure.stderr.match(
      /left out: kubectl's context is .*test-cluster.*, and the ledger does not know/g,
    )
    expect(leftOut).toHaveLength(3)
    const asked = await rerun('n', 'nightly', ...range)
    expect(asked.stdout).toMatch(
      /the ledger does not know whether that is the cluster of CronJob batch\/nightly\.[\s\S]*\[y\/N\]/,
    )

    const first = await rerun('y', 'nightly', ...range)
    expect([first.code, ran().slice(2)]).toEqual([2, [slotOf(4), slotOf(3), slotOf(2)]])
    expect(first.stdout).toMatch(/2 done, 1 failed, 0 not run\. Run the same command again to continue\./)
    // The first slot ran late. The slots that were repaired have no message of their own.
    expect(sent()).toEqual(['RECOVERED', 'FAILED', 'FAILED'])
    failIn()
    const again = await rerun('y', 'nightly', ...range)
    expect([again.code, ran().slice(5), sent()]).toEqual([0, [slotOf(2)], ['RECOVERED', 'FAILED', 'FAILED']])
    expect((await ask('check', '--since', slotOf(5), '--until', slotOf(1))).code).toBe(0)
    const { attempts } = JSON.parse((await ask('show', 'nightly', '--slot', slotOf(3), '--json')).stdout)
    expect(attempts[0]).toMatchObject({
      trigger: { kind: 'forced', by: 'Ada', reason: WORSE },
      kubernetes: { job: expect.stringMatching(/^nightly-\d{10}$/) },
    })
  })
})
