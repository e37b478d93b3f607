import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { AWS_PATH } from '../support/aws/aws.ts'
import { MAIN, STOPPED_CLOCK } from '../support/cli.ts'
import type { Block } from './markdown.ts'

/** The time of a page that does not say another one: 19 s after 03:00 in Tokyo. */
export const DEFAULT_CLOCK = '2026-11-24T18:00:19Z'
const MARK = '@@ end of block'
/** The run ids that the examples show, in their order. */
const RUN_IDS = ['3148e9333408f2479a24', '7c01d5a9be62f4380d11', '19929ea0f4ad6805b5e5', 'a3f0c2771d9e48b65c02']

export interface Printed {
  readonly block: Block
  readonly code: number
  readonly output: string
}

export interface SessionOptions {
  readonly env?: Readonly<Record<string, string>>
  /** A folder that is removed by the caller. */
  readonly folder: string
}

/** Whether the guard runs this block: hidden commands, or a shell block that is neither a file nor excluded with a reason. */
export function isRun({ kind, isHidden, attributes }: Block): boolean {
  if (isHidden) return kind === 'run'
  return kind === 'sh' && attributes['not-run'] === undefined && attributes['file'] === undefined
}

/**
 * Runs the shell blocks of a page from top to bottom in one bash, with the files that the page shows. The wall clock of
 * `cronledger` shows the time that the page says, and each further command starts a minute later. Returns what each block printed.
 */
export async function runPage(
  blocks: readonly Block[],
  { env = {}, folder }: SessionOptions,
): Promise<readonly Printed[]> {
  const work = join(folder, 'work')
  const script = [`set_clock '${DEFAULT_CLOCK}'`, ...blocks.flatMap(stepOf)]
  const child = startShell(`${PRELUDE}\n${script.join('\n')}\n`, { folder, env })
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  const ends = [...stdout.matchAll(new RegExp(`${MARK} (\\d+)\n`, 'g'))]
  const run = blocks.filter(isRun)
  if (ends.length !== run.length) throw new Error(`the page ended early: ${stdout}${stderr}`)
  return run.map((block, index) => {
    const previous = ends[index - 1]
    const start = previous === undefined ? 0 : previous.index + previous[0].length
    const end = ends[index]
    return { block, code: Number(end?.[1]), output: normalise(stdout.slice(start, end?.index), work) }
  })
}

/** Starts a bash in `work` of this folder. Its commands find `cronledger`, and the AWS command line of Debian. */
export function startShell(script: string, { env = {}, folder }: SessionOptions) {
  const bin = join(folder, 'bin')
  const work = join(folder, 'work')
  for (const path of [bin, work]) mkdirSync(path)
  writeFileSync(join(bin, 'cronledger'), STARTER)
  chmodSync(join(bin, 'cronledger'), 0o755)
  symlinkSync(process.execPath, join(bin, 'node'))
  return spawn('bash', ['-c', script], {
    cwd: work,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: `${bin}:${AWS_PATH}:${process.env['PATH']}`,
      HOME: folder,
      LANG: 'C.UTF-8',
      TZ: 'UTC',
      // As on a terminal.
      CRONLEDGER_LOG: 'text',
      NODE_OPTIONS: STOPPED_CLOCK,
      DOCS_STARTS: join(folder, 'starts'),
      REPOSITORY: new URL('../..', import.meta.url).pathname,
      ...env,
    },
  })
}

const STARTER = `#!/bin/sh
if [ -n "$DOCS_CLOCK" ]; then
  starts=$(cat "$DOCS_STARTS")
  echo $((starts + 1)) >"$DOCS_STARTS"
  DOCS_CLOCK=$((DOCS_CLOCK + starts * 60000))
fi
exec '${process.execPath}' '${MAIN}' "$@"
`

const PRELUDE = `exec 2>&1
set_clock() {
  echo 0 >"$DOCS_STARTS"
  if [ "$1" = real ]; then unset DOCS_CLOCK; else export DOCS_CLOCK=$(date -d "$1" +%s)000; fi
}`

function stepOf(block: Block): readonly string[] {
  if (block.isHidden && block.kind === 'clock') return [`set_clock '${block.text.trim()}'`]
  const { file, run, clock } = block.attributes
  if (file !== undefined) {
    const path = `"$PWD/${file}"`
    return [`cat >${path} <<'@@'`, `${block.text}@@`]
  }
  const start = clock === undefined ? [] : [`set_clock '${clock}'`]
  return isRun(block) ? [...start, run ?? block.text, `echo "${MARK} $?"`] : start
}

/**
 * Replaces what differs between two runs or two versions of Node, and what is due to the test, by what the examples show:
 * run ids, the host, the user, process ids, the folder, the version of the zone data, and how long a command took, which
 * becomes 0s. The delay of a start (`7s after …`) comes from the clock of the page, and stays.
 */
export function normalise(output: string, folder: string): string {
  const ids = new Map<string, string>()
  const idOf = (id: string) => {
    const known = ids.get(id) ?? RUN_IDS[ids.size] ?? RUN_IDS[0] ?? ''
    ids.set(id, known)
    return known
  }
  const host = hostname()
  return (
    output
      .replaceAll(folder, '/srv/nightly')
      .replaceAll(`${userInfo().username}@${host}`, 'ada@ops-1')
      .replace(new RegExp(`\\b${host}\\b`, 'g'), 'ip-10-0-3-17')
      .replace(/\b[0-9a-f]{20}\b/g, idOf)
      .replace(/\b(process|kill|"pid":) ?\d+/g, '$1 4711')
      .replace(/(?<=^|[ (])\d(?:\.\d+)?s\b(?! after)/gm, '0s')
      .replace(/(?<=\b(?:after|in) )\d\d(?:\.\d+)?s\b(?! after)/g, '0s')
      .replace(/"durationMs":\d+/g, '"durationMs":31')
      .replace(/(?<=http:\/\/127\.0\.0\.1:)\d+/g, '8276')
      .replace(/; AWS_ENDPOINT_URL\w* sends requests elsewhere/, '')
      .replace(/(?<=\/blob\/v)[\d.]+(?=\/docs)/g, '0.1.0')
      // A newer Node has newer zone data.
      .replace(/(?<=\bzone data +)\d{4}[a-z]\b/g, '2025c')
      .replace(/[ \t]+$/gm, '')
  )
}

/**
 * Whether the text that a page shows is what was printed. The lines of cronledger and those of the batch have their own
 * order each, since two processes print them. A line `…` stands for any lines.
 */
export function isSame(shown: string, printed: string): boolean {
  return [true, false].every((ours) => {
    const parts = linesOf(shown, ours).split(/^(?:…\n)+/m)
    const pattern = parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('(?:.*\n)*?')
    return new RegExp(`^${pattern}$`).test(linesOf(printed, ours))
  })
}

function linesOf(output: string, ours: boolean): string {
  const lines = output.split('\n').filter((line) => line === '…' || /^(cronledger: | {2})/.test(line) === ours)
  return lines.map((line) => `${line}\n`).join('')
}

/** Creates a folder and removes it after `use`. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'cronledger-docs-'))
  try {
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
