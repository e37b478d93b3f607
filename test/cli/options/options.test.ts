import { readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { rerun } from '../../../src/cli/commands/rerun.ts'
import { run, runOptions } from '../../../src/cli/commands/run.ts'
import { helpOf } from '../../../src/cli/help.ts'
import { readOptions } from '../../../src/cli/options/arguments.ts'
import { defaultText, valueName, variableOf } from '../../../src/cli/options/options.ts'
import { RUN_GROUPS, RUN_OPTIONS } from '../../../src/cli/options/run-options.ts'
import {
  allowedText,
  groupOf,
  isAllowed,
  numberText,
  OPTION_GROUPS,
  type OptionGroup,
  type OptionSpec,
  optionName,
} from '../../../src/core/option.ts'
import type { Environment } from '../../../src/core/types.ts'
import { FORCING_VARIABLES } from '../../../src/run/command.ts'
import { SETTINGS } from '../../../src/run/settings-table.ts'
import { cronledger } from '../../support/cli.ts'

const PAGE = new URL('../../../docs/reference/options.md', import.meta.url)
const MARKS = /(?<=<!-- options: made by `npm run options` -->\n).*(?=<!-- \/options -->)/s

/** The row of an option in docs/reference/options.md. */
function rowOf([name, spec]: [string, OptionSpec]): string {
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
  const flag = cell(`--${optionName(name)} ${valueName(spec)}`.trimEnd())
  const meaning = [`${spec.help}.`, spec.details ?? ''].join(' ').trimEnd()
  return `| \`${flag}\` | ${cell(meaning)} | ${cell(defaultText(spec))} | ${cell(allowedText(spec))} |\n`
}

/** The table of a group, under its heading. */
function tableOf(group: OptionGroup): string {
  const rows = Object.entries<OptionSpec>(RUN_OPTIONS).filter(([, spec]) => groupOf(spec) === group)
  if (rows.length === 0) return ''
  return `\n## ${group}\n\n| option | meaning | default | allowed |\n| --- | --- | --- | --- |\n${rows.map(rowOf).join('')}`
}

test('the tables of options in docs/reference/options.md are those that the code has', () => {
  const table = `${OPTION_GROUPS.map(tableOf).join('')}\n`
  const page = readFileSync(PAGE, 'utf8')
  // `npm run options` writes the tables again.
  if (process.env['UPDATE_OPTIONS'] !== undefined) writeFileSync(PAGE, page.replace(MARKS, table))
  expect(readFileSync(PAGE, 'utf8')).toContain(table)
})

let completion = ''
let help = ''
beforeAll(async () => {
  help = await helpOf(run.help, null)
  completion = (await cronledger(['completion', 'bash'])).stdout
})

/** A value of a setting as text, and as the library takes it. */
function sampleOf(spec: OptionSpec): [text: string, value: unknown] {
  if (spec.kind === 'switch') return ['true', true]
  if ('choices' in spec) return [spec.choices.at(-1) ?? '', spec.choices.at(-1)]
  if (!('bounds' in spec)) return ['text', 'text']
  const [, max] = spec.bounds
  return [numberText(spec.kind, max), max]
}

/** The options that the library gets from the command line of `run`. */
const given = (argv: readonly string[], env: Environment) => {
  const required = ['--store', 'file:ledger', '--task', 'nightly', '--schedule', '@daily']
  const values = readOptions({ ...run.help, options: RUN_OPTIONS }, [...required, ...argv], env)
  return runOptions(values, new AbortController().signal)
}

test.each(Object.entries<OptionSpec>(SETTINGS))(
  'the setting %s has a flag, a variable, a line of help, a row in the docs and a completion',
  async (name, spec) => {
    const flag = `--${optionName(name)}`
    const [text, value] = sampleOf(spec)
    expect(await given([`${flag}=${text}`], {})).toMatchObject({ [name]: value })
    expect(await given([], { [variableOf(name)]: text })).toMatchObject({ [name]: value })
    expect(help).toMatch(new RegExp(`^ +${flag} `, 'm'))
    expect(readFileSync(PAGE, 'utf8')).toContain(rowOf([name, spec]))
    expect(completion).toMatch(new RegExp(`'run '\\*\\) offer='.*${flag} `))
    // The name says the unit, and the default is a value that may be given.
    expect(name.endsWith('Ms')).toBe(spec.kind === 'duration')
    if ('default' in spec && spec.default !== null) expect(isAllowed(spec.default, spec)).toBe(true)
  },
)

test('a batch gets none of the variables by which a slot is forced', () => {
  const names = Object.keys({ ...run.help.options, ...rerun.help.options }).map(variableOf)
  expect(names).toEqual(expect.arrayContaining(FORCING_VARIABLES))
  expect(FORCING_VARIABLES).toEqual(expect.arrayContaining(Object.keys(RUN_GROUPS.force).map(variableOf)))
})
