import { readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import type { RunOptions } from '../../../src/api.ts'
import { COMMANDS } from '../../../src/cli/command-table.ts'
import { rerun } from '../../../src/cli/commands/rerun.ts'
import { run, runOptions } from '../../../src/cli/commands/run.ts'
import { helpOf } from '../../../src/cli/help.ts'
import { readOptions } from '../../../src/cli/options/arguments.ts'
import { FLAGS_ONLY, KNOWN_ELSEWHERE } from '../../../src/cli/options/mistakes.ts'
import { defaultText, valueName, variableOf, withNewNames } from '../../../src/cli/options/options.ts'
import { RUN_GROUPS, RUN_OPTIONS } from '../../../src/cli/options/run-options.ts'
import {
  allowedText,
  checkTogether,
  groupOf,
  isAllowed,
  numberText,
  OPTION_GROUPS,
  type OptionSpec,
  type OptionTable,
  optionName,
  RENAMED,
} from '../../../src/core/option.ts'
import { STATUS_WORDS } from '../../../src/core/row/policy.ts'
import type { Environment } from '../../../src/core/types.ts'
import { FORCING_VARIABLES } from '../../../src/run/command.ts'
import type { Force } from '../../../src/run/run-trigger.ts'
import { SETTINGS } from '../../../src/run/settings-table.ts'

/** The reference, in which each of the two pages has lists of options. */
const REFERENCE = new URL('../../../docs/reference/', import.meta.url)
const MARKS = /(?<=<!-- options: made by `npm run options` -->\n).*(?=<!-- \/options -->)/s

function itemOf([name, spec]: [string, OptionSpec]): string {
  const value = valueName(spec)
  const meaning = [`${spec.help}.`, spec.details ?? ''].join(' ').trimEnd()
  const isSaid = 'choices' in spec && spec.choices.every((choice) => `${value} ${meaning}`.includes(choice))
  const allowed = `${'choices' in spec ? 'of ' : ''}${allowedText(spec)}`
  const values = [
    spec.kind === 'switch' ? '' : defaultText(spec),
    isSaid ? '' : allowed,
    spec.isFlagOnly ? 'flag only' : '',
  ].filter(Boolean)
  const inParentheses = values.length === 0 ? '' : ` (${values.join('; ')})`
  return `- \`${`--${optionName(name)} ${value}`.trimEnd()}\`${inParentheses}: ${meaning.replaceAll('<', '&lt;')}\n`
}

const flagOf = (item: string) => item.match(/`--[a-z-]+/)?.[0]

const listOf = (heading: string, items: readonly string[]) =>
  items.length === 0 ? `\n## ${heading}\n` : `\n## ${heading}\n\n${items.join('')}`

function listsOfRun(): string {
  const options = Object.entries<OptionSpec>(RUN_OPTIONS)
  const groups = OPTION_GROUPS.filter((group) => options.some(([, spec]) => groupOf(spec) === group))
  return groups
    .map((group) => listOf(group, options.filter(([, spec]) => groupOf(spec) === group).map(itemOf)))
    .join('')
}

/**
 * The options of the other commands, in the order of their help. An option of `run`, or that several commands have, stands
 * once, and the commands name it.
 */
async function listsOfOthers(): Promise<string> {
  const others = Object.entries(COMMANDS).filter(([name]) => name !== 'run')
  const commands = await Promise.all(
    others.map(async ([name, load]) => {
      const options = Object.entries<OptionSpec>((await load()).help.options)
      return {
        name,
        items: OPTION_GROUPS.flatMap((group) => options.filter(([, spec]) => groupOf(spec) === group)).map(itemOf),
      }
    }),
  )
  const all = commands.flatMap(({ items }) => items)
  const ofRun = new Set(Object.entries<OptionSpec>(RUN_OPTIONS).map(itemOf))
  const count = (item: string) => all.filter((other) => other === item).length
  const ofMost = [...new Set(all)].filter((item) => count(item) > others.length / 2)
  const several = [...new Set(all)].filter((item) => !(ofMost.includes(item) || ofRun.has(item)) && count(item) > 1)
  // A flag that has two meanings stands with its command.
  const common = several.filter((item) => several.filter((other) => flagOf(other) === flagOf(item)).length === 1)
  const named = (items: readonly string[]) => items.map(flagOf).join('`, ')
  const lists = commands.map(({ name, items }) => {
    const own = items.filter((item) => !ofMost.includes(item))
    const [asRun, shared] = [own.filter((item) => ofRun.has(item)), own.filter((item) => common.includes(item))]
    if (own.length === 0) return ''
    const list = listOf(
      `\`${name}\``,
      own.filter((item) => !(asRun.includes(item) || shared.includes(item))),
    )
    const links = [
      ...(asRun.length === 0 ? [] : [`As in [\`run\`](options.md): ${named(asRun)}\`.`]),
      ...(shared.length === 0 ? [] : [`As [above](#several-commands): ${named(shared)}\`.`]),
    ]
    return `${list}${links.length === 0 ? '' : `\n${links.join(' ')}\n`}`
  })
  return [listOf('Most commands', ofMost), listOf('Several commands', common), ...lists].join('')
}

test.each([
  ['options.md', listsOfRun],
  ['commands.md', listsOfOthers],
])('the lists of options in docs/reference/%s are those that the code has', async (name, listsOf) => {
  const lists = `${await listsOf()}\n`
  const page = new URL(name, REFERENCE)
  // `npm run options` writes the lists again.
  if (process.env['UPDATE_OPTIONS'] !== undefined)
    writeFileSync(
      page,
      readFileSync(page, 'utf8').replace(MARKS, () => lists),
    )
  expect(readFileSync(page, 'utf8')).toContain(lists)
})

let help = ''
beforeAll(async () => {
  help = await helpOf(run.help, null, true)
})

/** A value of a setting as text, and as the library takes it. */
function sampleOf(spec: OptionSpec): [text: string, value: unknown] {
  if (spec.kind === 'switch') return ['true', true]
  if ('choices' in spec) return [spec.choices.at(-1) ?? '', spec.choices.at(-1)]
  if (spec.kind === 'names') return ['b, a,b', ['b', 'a', 'b']]
  if (!('bounds' in spec)) return ['text', 'text']
  const [, max] = spec.bounds
  return [numberText(spec.kind, max), max]
}

/** The options that the library gets from the command line of `run`. */
const given = (argv: readonly string[], env: Environment) => {
  const required = { CRONLEDGER_STORE: 'file:ledger', CRONLEDGER_TASK: 'nightly', CRONLEDGER_SCHEDULE: '@daily' }
  const values = readOptions({ ...run.help, options: RUN_OPTIONS }, argv, { ...required, ...env })
  return runOptions(values, new AbortController().signal)
}

test.each(Object.entries<OptionSpec>(SETTINGS))(
  'the setting %s has a flag, a variable, a line of help and a row in the docs',
  async (name, spec) => {
    const flag = `--${optionName(name)}`
    const [text, value] = sampleOf(spec)
    expect(await given([`${flag}=${text}`], {})).toMatchObject({ [name]: value })
    expect(await given([], { [variableOf(name)]: text })).toMatchObject({ [name]: value })
    expect(help).toMatch(new RegExp(`^ +${flag} `, 'm'))
    expect(readFileSync(new URL('options.md', REFERENCE), 'utf8')).toContain(itemOf([name, spec]))
    // The name says the unit, and the default is a value that may be given.
    expect(name.endsWith('Ms')).toBe(spec.kind === 'duration')
    if ('default' in spec && spec.default !== null) expect(isAllowed(spec.default, spec)).toBe(true)
  },
)

test('a batch gets none of the variables by which a slot is forced', () => {
  const names = Object.keys({ ...run.help.options, ...rerun.help.options }).map(variableOf)
  // The id of a repair has a variable and no option.
  expect([...names, variableOf('plan')]).toEqual(expect.arrayContaining(FORCING_VARIABLES))
  expect(FORCING_VARIABLES).toEqual(expect.arrayContaining(Object.keys(RUN_GROUPS.force).map(variableOf)))
})

const ONLY_ONE: OptionTable = {
  a: { kind: 'switch', help: '', excludes: [{ option: 'b', why: 'one is enough' }] },
  b: { kind: 'text', value: 'TEXT', help: '' },
}

test.each<[Readonly<Record<string, unknown>>, string | undefined]>([
  [{ a: true, b: 'x' }, '--a cannot be used with --b x, because one is enough. Leave --a out.'],
  [{ a: false, b: 'x' }, undefined],
  [{ a: true }, undefined],
])('a switch that excludes another option, with %j', (values, message) => {
  const check = () => checkTogether(ONLY_ONE, values)
  if (message === undefined) check()
  else expect(check).toThrow(message)
})

test('an option requires and excludes only options that there are, and values that they may have', async () => {
  const commands = await Promise.all(Object.values(COMMANDS).map((load) => load()))
  for (const { help } of commands) {
    const specs = Object.values<OptionSpec>(help.options)
    const named = specs.flatMap(({ requires, excludes = [] }) => [...(requires ? [requires] : []), ...excludes])
    const options: OptionTable = { ...RUN_OPTIONS, ...help.options }
    expect(Object.keys(options)).toEqual(expect.arrayContaining(named.map(({ option }) => option)))
    for (const { option, is = [] } of named)
      for (const value of is) expect(options[option]).toMatchObject({ choices: expect.arrayContaining([value]) })
    for (const spec of specs)
      for (const { own } of spec.excludes ?? []) expect(own === undefined || isAllowed(own, spec)).toBe(true)
  }
})

test('each option of a command that starts no batch is known to the warning about unknown variables', async () => {
  const commands = await Promise.all(Object.values(COMMANDS).map((load) => load()))
  const specs = commands.flatMap(({ help }) => Object.entries<OptionSpec>(help.options))
  const others = specs.flatMap(([name, spec]) => (name in RUN_OPTIONS || spec.isFlagOnly ? [] : optionName(name)))
  expect([...KNOWN_ELSEWHERE]).toEqual([
    ...new Set(others),
    'ecs-network',
    'plan',
    'pod',
    'password-command',
    'delivery-attempt',
    'secrets',
  ])
  // Another command reads the variable of the others, in the same environment.
  const read = new Set([...Object.keys(RUN_OPTIONS).map(optionName), ...KNOWN_ELSEWHERE])
  const flags = new Set(specs.flatMap(([name, { isFlagOnly }]) => (isFlagOnly ? [optionName(name)] : [])))
  expect([...FLAGS_ONLY].sort()).toEqual([...flags].filter((name) => !read.has(name)).sort())
})

test('--status has the words of one list in each command, and only those that start or decide read its variable', async () => {
  const commands = await Promise.all(Object.values(COMMANDS).map((load) => load()))
  const specs = commands.flatMap(({ help }) =>
    Object.entries<OptionSpec>(help.options).flatMap(([name, spec]) =>
      name === 'status' ? [{ of: help.name, spec }] : [],
    ),
  )
  for (const { spec } of specs) {
    const words = 'choices' in spec ? spec.choices.filter((word) => word !== 'recorded' && word !== 'rejected') : []
    expect(STATUS_WORDS).toEqual(expect.arrayContaining(words))
  }
  const reading = specs.flatMap(({ of, spec }) => (spec.isFlagOnly ? [] : of))
  expect([specs.length, reading]).toEqual([6, ['run', 'rerun', 'resolve']])
})

/** What only a command line needs, and what the library takes elsewhere: by `createLedger`, or with the command. */
const NOT_OF_A_RUN = { ...RUN_GROUPS.exit, ...RUN_GROUPS.log, store: null, timeoutMs: null }

// The compiler checks the names below, so one that the library does not have is an error of `npm run typecheck`.
type OfForce = keyof typeof RUN_GROUPS.force
type SameName = Exclude<keyof typeof RUN_OPTIONS, keyof typeof NOT_OF_A_RUN | OfForce>
type WithoutPrefix<N> = N extends `force${infer Rest}` ? Uncapitalize<Rest> : N
const isSameName = (name: string): name is SameName => !(name in NOT_OF_A_RUN) && !(name in RUN_GROUPS.force)
const SAME: ReadonlyArray<keyof RunOptions & string> = Object.keys(RUN_OPTIONS).filter(isSameName)
const withoutPrefix = <N extends string>(name: N) =>
  name.replace(/^force(\w)/, (_, letter: string) => letter.toLowerCase()) as WithoutPrefix<N>
const FORCE: ReadonlyArray<keyof Force> = (Object.keys(RUN_GROUPS.force) as OfForce[]).map(withoutPrefix)

test.each(SAME.filter((name) => !(name in SETTINGS)))('%s has the same name in the library', async (name) => {
  const text = name === 'task' ? 'nightly' : '2026-11-24T03:00:00Z'
  const options: RunOptions = await given([`--${optionName(name)}=${text}`], {})
  expect(options[name]).toBeDefined()
})

test('the options of a force have the same names in the library, without the prefix', async () => {
  expect(FORCE).toEqual(expect.arrayContaining(['slot', 'reason', 'by']))
  const { force } = await given(['--force-slot=latest', '--reason=paper is there', '--by=ada'], {})
  expect(force).toMatchObject({ slot: 'latest', reason: 'paper is there', by: 'ada' })
})

test('an option that is renamed has a new flag and variable, also takes the old ones, and keeps its name in the library', async () => {
  RENAMED.set('doneByMs', { flag: 'complete-within', formerly: 'done-by' })
  try {
    for (const words of [['--complete-within=2h'], ['--done-by', '2h'], ['--done-by=2h']])
      expect(await given(withNewNames(words, {}).argv, {})).toMatchObject({ doneByMs: 7_200_000 })
    for (const name of ['CRONLEDGER_DONE_BY', 'CRONLEDGER_COMPLETE_WITHIN'])
      expect(await given([], withNewNames([], { [name]: '2h' }).env)).toMatchObject({ doneByMs: 7_200_000 })
    expect(await helpOf(run.help, null, true)).toMatch(/^ +--complete-within /m)
  } finally {
    RENAMED.delete('doneByMs')
  }
})
