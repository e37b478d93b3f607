import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DEFAULT_CLOCK, normalise, startShell, withFolder } from '../docs/session.ts'
import { canStartAsOther, isInstalled, isRoot } from '../support/processes/programs.ts'
import { runShared } from '../support/processes/shared.ts'

// Runs the sessions in `stories`. docs/development/code.md has their notation.
const FOLDER = new URL('stories/', import.meta.url)
/** A story that waits for what never comes ends after this time. */
const LIMIT_MS = Number(process.env['LIMIT_MS'] ?? 120_000)
const PROMPT = /^(?:(\d{4}-\d\d-\d\d) )?(?:(\d\d:\d\d(?::\d\d)?) )?\$ (.*)$/

interface Step {
  readonly command: string
  /** The time in the prompt. */
  readonly at: string | null
  /** What it prints to stdout, its exit code, and what it prints to stderr. */
  readonly shown: string
  /** The lines of `shown`. They begin with 0. */
  readonly from: number
  readonly to: number
}

interface Story {
  readonly title: string
  readonly steps: readonly Step[]
}

/** Returns the stories of a file. Each of them begins with the commands above the first one. */
function storiesIn(file: string): readonly Story[] {
  const lines = readFileSync(new URL(file, FOLDER), 'utf8').split('\n')
  const isTitle = (index: number) => lines[index]?.startsWith('# ') === true && (lines[index - 1] ?? '') === ''
  const isPrompt = (index: number) => PROMPT.test(lines[index] ?? '')
  const setUp: Step[] = []
  const stories: { title: string; steps: Step[] }[] = []
  let day = ''
  for (let index = 0; index < lines.length; index++) {
    if (isTitle(index)) stories.push({ title: lines[index]?.slice(2) ?? '', steps: [] })
    const [, date, time, first] = PROMPT.exec(lines[index] ?? '') ?? []
    if (first === undefined) continue
    day = date ?? day
    let from = index + 1
    while (lines[from]?.startsWith('> ')) from++
    const command = [first, ...lines.slice(index + 1, from).map((line) => line.slice(2))].join('\n')
    let to = from
    while (to < lines.length && !isTitle(to) && !isPrompt(to)) to++
    while (to > from && lines[to - 1] === '') to--
    const shown = lines.slice(from, to).map((line) => `${line}\n`)
    const at = time === undefined ? null : `${day}T${time}Z`
    const steps = stories.at(-1)?.steps ?? setUp
    steps.push({ command, at, shown: shown.join(''), from, to })
  }
  return stories.map(({ title, steps }) => ({ title, steps: [...setUp, ...steps] }))
}

/**
 * A run beside others is a process of its own, and a repair of a range, which starts itself for each slot. Each other command
 * runs in a process that all stories share, which saves the start.
 */
const PRELUDE = `
cronledger() {
  if [[ $BASHPID != $$ && $1 = *run ]]; then exec env cronledger "$@"; fi
  if [[ "$*" = rerun*--from* ]]; then env cronledger "$@"; return; fi
  local code out err starts DOCS_CLOCK=$DOCS_CLOCK
  read -r starts <"$DOCS_STARTS"; echo $((starts + 1)) >"$DOCS_STARTS"
  DOCS_CLOCK=$((DOCS_CLOCK + starts * 60000))
  exec 9<>"/dev/tcp/127.0.0.1/$STORY_PORT"
  { printf '%s\\0' "$PWD" $# "$@"; env -0; printf '\\1\\0'; } >&9
  IFS= read -rd '' code <&9; IFS= read -rd '' out <&9; IFS= read -rd '' err <&9
  exec 9>&-
  printf %s "$out"; printf %s "$err" >&2
  return "$code"
}
set -o pipefail
export CRONLEDGER_STORE=file:$PWD/ledger.db`

const clockAt = (instant: string) => `echo 0 >"$DOCS_STARTS"; export DOCS_CLOCK=${Date.parse(instant)}`

/** Runs a story. Returns what each of its commands printed. */
function play(steps: readonly Step[]): Promise<readonly string[]> {
  return withFolder(async (folder) => {
    const script = steps.flatMap(({ command, at }, index) => [
      ...(at === null ? [] : [clockAt(at)]),
      `{ :\n${command}\n} >"${folder}/${index}.out" 2>"${folder}/${index}.err"`,
      `echo $? >"${folder}/${index}.code"`,
    ])
    const env = { STORY_PORT: String(port) }
    const child = startShell([PRELUDE, clockAt(DEFAULT_CLOCK), ...script].join('\n'), { folder, env })
    const limit = setTimeout(() => child.kill(), LIMIT_MS)
    const printed = await Promise.all([text(child.stdout), text(child.stderr)])
    clearTimeout(limit)
    expect(printed, 'the commands are no script for bash').toEqual(['', ''])
    // The examples in the output are numbered from the beginning of the story.
    const outputs = steps.map((_, index) => {
      const read = (name: string) => {
        const path = join(folder, `${index}.${name}`)
        return existsSync(path) ? readFileSync(path, 'utf8') : 'is missing, because the story ended before'
      }
      const [code, stderr] = [read('code').trim(), read('err')]
      const end = stderr === '' ? '\n' : `: ${stderr}`
      return read('out') + (code === '0' && stderr === '' ? '' : `exit ${code}${end}`)
    })
    const end = '\n@@\n'
    return normalise(outputs.join(end), join(folder, 'work')).split(end)
  })
}

function isSame(shown: string, printed: string): boolean {
  const pattern = shown
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replace(/^(exit \d+: )?…\n/gm, '$1(?:.*\n)*?')
    .replaceAll('…', '.*?')
  return new RegExp(`^${pattern}$`).test(printed)
}

const END = '\0\x01\0'

/** Answers with the exit code and the output of a command, whose folder, arguments and environment have a NUL behind each. */
async function answer(socket: Socket): Promise<void> {
  let received = ''
  for await (const chunk of socket.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    received += chunk
    if (received.endsWith(END)) break
  }
  const [cwd = '', count, ...words] = received.slice(0, -END.length).split('\0')
  const args = words.splice(0, Number(count))
  const env = Object.fromEntries(words.map((word) => [word.split('=', 1)[0], word.slice(word.indexOf('=') + 1)]))
  const ended = await runShared({ args, env, cwd })
  socket.end(ended === null ? '70\0\0busy\0' : `${ended.code}\0${ended.stdout}\0${ended.stderr}\0`)
}

const server = createServer((socket) => {
  before = before.then(() => answer(socket))
})
let before = Promise.resolve()
let port = 0
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
})
afterAll(() => void server.close())

/** The steps whose output is to be written into their file. */
const fresh = new Map<string, (Step & { readonly output: string })[]>()
afterAll(() => {
  for (const [file, steps] of fresh) {
    const path = new URL(file, FOLDER)
    const lines: (string | null)[] = readFileSync(path, 'utf8').split('\n')
    // The steps above the first story are there once for each story.
    const byLine = new Map(steps.map((step) => [step.from, step]))
    for (const { from, to, output } of [...byLine.values()].sort((a, b) => b.from - a.from))
      lines.splice(from, to - from, ...(output === '' ? [] : output.replace(/\n$/, '').split('\n')))
    writeFileSync(path, lines.join('\n'))
  }
})

const FILES = readdirSync(FOLDER)
const STORIES = FILES.flatMap((file) =>
  storiesIn(file).map(({ title, steps }) => [`${file}: ${title}`, { file, steps }] as const),
)

test.for(STORIES)('%s', async ([, { file, steps }], { skip }) => {
  const has = (word: string) => steps.some(({ command }) => command.includes(word))
  if (!isInstalled('jq') && has('jq ')) return skip('jq is not installed')
  if (isRoot && !canStartAsOther && has('as_nobody ')) return skip('another user cannot reach this clone')
  const printed = await play(steps)
  const wrong = steps.flatMap((step, index) => {
    const output = printed[index] ?? ''
    return isSame(step.shown, output) ? [] : [{ ...step, output }]
  })
  if (process.env['UPDATE_DOCS'] !== undefined) return void fresh.set(file, [...(fresh.get(file) ?? []), ...wrong])
  for (const { from, command, shown, output } of wrong)
    expect(`${file}:${from}: ${command}\n${output}`).toBe(`${file}:${from}: ${command}\n${shown}`)
})
