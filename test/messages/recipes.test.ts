import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { rowWith, SUCCEEDED } from '../support/rows.ts'

// The recipes of CONTRIBUTING for a remark with a finding and for a status, executed.

const ROOT = new URL('../..', import.meta.url).pathname
/** Beside the packages that the compiled code imports. */
const OUT = join(ROOT, 'node_modules', '.cache', `recipe-${process.pid}`)
afterAll(() => rmSync(OUT, { recursive: true, force: true }))

type Edits = Readonly<Record<string, readonly (readonly [before: string, after: string])[]>>

/** A remark and a status with a situation, each as one row of its table. */
const ROWS: Edits = {
  'verdict/remarks.ts': [
    [
      '} as const satisfies Readonly<Record<string, Remark>>',
      "  slow: {\n    kind: 'slow',\n    of: ({ own }) => (own?.state === 'COMPLETED' ? { isFinding: true, words: () => ({ happened: ['. It was slow'] }) } : null),\n  },\n} as const satisfies Readonly<Record<string, Remark>>",
    ],
  ],
  'core/types.ts': [["  'unknown',\n] as const", "  'unknown',\n  'held',\n] as const"]],
}
/** What the compiler asks for then. */
const ASKED: Edits = {
  'verdict/judge.ts': [["  unusual: 'is unusual',", "  slow: 'was slow',\n  unusual: 'is unusual',"]],
  'verdict/situations.ts': [
    [
      '  notExpected: {',
      "  held: {\n    ...CALM,\n    status: 'held',\n    work: 'not done',\n    holds: () => false,\n    words: missedWordsOf,\n  },\n  notExpected: {",
    ],
    [
      '/** Nothing runs, and a trigger starts nothing.',
      "function missedWordsOf(found: SlotInTask, target: StepTarget): Words {\n  return missedWords('', found, target)\n}\n\n/** Nothing runs, and a trigger starts nothing.",
    ],
  ],
  'web/views/frame/marks.ts': [
    [
      '  unusual: { sign:',
      "  slow: { sign: 'S', word: 'completed, slow' },\n  held: { sign: 'H', word: 'held' },\n  unusual: { sign:",
    ],
  ],
  'core/row/policy.ts': [["['unusual', 'late'] as const", "['unusual', 'late', 'slow'] as const"]],
}

/** Compiles a copy of `src` with some edits. Returns the files with an error. */
function compile(edits: Edits): readonly string[] {
  rmSync(OUT, { recursive: true, force: true })
  cpSync(join(ROOT, 'src'), join(OUT, 'src'), { recursive: true })
  for (const [name, changes] of Object.entries(edits)) {
    const path = join(OUT, 'src', name)
    let text = readFileSync(path, 'utf8')
    for (const [before, after] of changes) {
      expect(text, name).toContain(before)
      text = text.replace(before, () => after)
    }
    writeFileSync(path, text)
  }
  const compilerOptions = { noEmit: false, outDir: 'out', rootDir: '.' }
  const config = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions,
    include: ['src'],
    exclude: ['src/web/browser'],
  }
  writeFileSync(join(OUT, 'tsconfig.json'), JSON.stringify(config))
  cpSync(join(ROOT, 'package.json'), join(OUT, 'package.json'))
  const tsc = join(ROOT, 'node_modules', '.bin', 'tsc')
  const { stdout } = spawnSync(tsc, ['--project', OUT], { cwd: OUT, encoding: 'utf8' })
  return [...new Set([...stdout.matchAll(/^src\/(\S+)\(\d/gm)].map(([, name = '']) => name))].sort()
}

test('a new remark with a finding, and a new status, are rows of tables, and the compiler asks for the rest', async () => {
  // The word in SELECTABLE is what four of them miss.
  expect(compile(ROWS)).toEqual([
    'audit/rerunnable.ts',
    'cli/commands/rerun/read.ts',
    'format/check/needs.ts',
    'verdict/judge.ts',
    'web/views/frame/marks.ts',
    'web/views/task/task.tsx',
  ])
  expect(compile({ ...ROWS, ...ASKED })).toEqual([])
  const { judge, FINDING_KINDS } = await import(join(OUT, 'out/src/verdict/judge.js'))
  const { factsOf } = await import(join(OUT, 'out/src/verdict/found.js'))
  const { verdictOf } = await import(join(OUT, 'out/src/verdict/verdict.js'))
  const row = rowWith({ ending: SUCCEEDED })
  const judged = judge({ slot: row.slot, row }, factsOf(row.task, null, row.slot + 3_600_000))
  expect([judged.kind, FINDING_KINDS.includes('slow')]).toEqual(['slow', true])
  expect(verdictOf(judged, 's').happened.join('')).toContain('. It was slow')
})
