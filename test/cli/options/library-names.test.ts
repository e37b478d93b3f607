// The options of `run` have the same names in the library. The compiler checks the types of the two tables below, so a name
// that the library does not have is an error of `npm run typecheck`.
import { expect, test } from 'vitest'
import type { RunOptions } from '../../../src/api.ts'
import { run, runOptions } from '../../../src/cli/commands/run.ts'
import { readOptions } from '../../../src/cli/options/arguments.ts'
import { RUN_GROUPS, RUN_OPTIONS } from '../../../src/cli/options/run-options.ts'
import { numberText, type OptionSpec, optionName } from '../../../src/core/option.ts'
import type { Force } from '../../../src/run/run-trigger.ts'

/** What only a command line needs, and what the library takes elsewhere: by `createLedger`, or with the command. */
const NOT_OF_A_RUN = { ...RUN_GROUPS.exit, ...RUN_GROUPS.log, store: null, timeoutMs: null }

type Name = keyof typeof RUN_OPTIONS
type OfForce = keyof typeof RUN_GROUPS.force
type SameName = Exclude<Name, keyof typeof NOT_OF_A_RUN | OfForce>
type WithoutPrefix<N> = N extends `force${infer Rest}` ? Uncapitalize<Rest> : N

const isSameName = (name: string): name is SameName => !(name in NOT_OF_A_RUN) && !(name in RUN_GROUPS.force)
const SAME: ReadonlyArray<keyof RunOptions & string> = Object.keys(RUN_OPTIONS).filter(isSameName)

const withoutPrefix = <N extends string>(name: N) =>
  name.replace(/^force(\w)/, (_, letter: string) => letter.toLowerCase()) as WithoutPrefix<N>
const FORCE: ReadonlyArray<keyof Force> = (Object.keys(RUN_GROUPS.force) as OfForce[]).map(withoutPrefix)

/** A value of an option as text. */
function sampleOf(name: string, spec: OptionSpec): string {
  if (name === 'task') return 'nightly'
  if (name === 'event') return '{"time": "2026-11-24T03:00:00Z"}'
  if ('choices' in spec) return spec.choices[0] ?? ''
  if (spec.kind === 'names') return 'extract'
  if (!('bounds' in spec)) return '2026-11-24T03:00:00Z'
  return numberText(spec.kind, spec.bounds[1])
}

/** The options that the library gets from these words of the command line. */
async function given(...argv: readonly string[]): Promise<RunOptions> {
  const required = ['--store', 'file:ledger']
  const values = readOptions({ ...run.help, options: RUN_OPTIONS }, [...required, ...argv], {
    CRONLEDGER_TASK: 'other',
    CRONLEDGER_SCHEDULE: '@daily',
  })
  return runOptions(values, new AbortController().signal)
}

test.each(SAME)('%s has the same name in the library', async (name) => {
  const spec: OptionSpec | undefined = Object.entries<OptionSpec>(RUN_OPTIONS).find(([own]) => own === name)?.[1]
  if (spec === undefined) return expect.fail(`${name} is not an option`)
  const flag = `--${optionName(name)}`
  const options = await given(...(spec.kind === 'switch' ? [flag] : [`${flag}=${sampleOf(name, spec)}`]))
  expect(options[name]).toBeDefined()
})

test('the options of a force have the same names in the library, without the prefix', async () => {
  expect(FORCE).toEqual(expect.arrayContaining(['slot', 'reason', 'by']))
  const { force } = await given('--force-slot=latest', '--reason=paper is there', '--by=ada')
  expect(force).toMatchObject({ slot: 'latest', reason: 'paper is there', by: 'ada' })
})
