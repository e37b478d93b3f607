// docs/reference/compatibility.md says what later versions keep. compatibility.txt lists it by name, so that a change of a name
// shows as a difference. `vitest -u` writes it again: a line that loses a name needs a new major version.
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { COMMANDS } from '../../src/cli/command-table.ts'
import { topicText } from '../../src/cli/help.ts'
import { EXIT } from '../../src/core/exit.ts'
import { isRecord } from '../../src/core/objects.ts'
import { optionName, RENAMED } from '../../src/core/option.ts'
import { EMPTY_TASK_RECORD } from '../../src/core/task/task-record.ts'
import { STATUSES } from '../../src/core/types.ts'
import { csvColumns } from '../../src/format/history/columns.ts'
import { taskJson } from '../../src/format/task/tasks.ts'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')

/** Returns the names of all members of a JSON schema, by the part that they belong to. */
function partsOf(name: string): readonly (readonly [string, readonly string[]])[] {
  const parts: Record<string, unknown> = JSON.parse(read(`schema/${name}.schema.json`)).$defs
  return Object.entries(parts).map(([part, schema]) => [`${name}.${part}`, namesIn(schema)] as const)
}

function namesIn(schema: unknown): readonly string[] {
  if (!isRecord(schema)) return []
  const own = isRecord(schema['properties']) ? Object.keys(schema['properties']) : []
  const values = Array.isArray(schema['enum']) ? schema['enum'].map((value) => JSON.stringify(value)) : []
  return [...own, ...values]
}

/** Returns the exported names of the library, and the members of those that are interfaces. */
function exportsOfLibrary(): readonly (readonly [string, readonly string[]])[] {
  const interfaces = new Map<string, { readonly bases: readonly string[]; readonly members: readonly string[] }>()
  const files = readdirSync(new URL('src', root), { recursive: true, encoding: 'utf8' })
  for (const file of files.filter((name) => name.endsWith('.ts'))) {
    const found = read(`src/${file}`).matchAll(
      /^(?:export )?interface (\w+)(?:<[^{]*>)?(?: extends ([^{]+))? \{\n([\s\S]*?)^\}/gm,
    )
    for (const [, name = '', bases = '', body = ''] of found) {
      const members = [...body.matchAll(/^ {2}(?:readonly )?(\w+)[?:(<]/gm)].map(([, member = '']) => member)
      interfaces.set(name, { bases: bases.match(/\w+/g) ?? [], members })
    }
  }
  const membersOf = (name: string): readonly string[] => {
    const { bases = [], members = [] } = interfaces.get(name) ?? {}
    return [...members, ...bases.flatMap(membersOf)]
  }
  const inApi = [...read('src/api.ts').matchAll(/^export (?:interface|type) (\w+)/gm)].map(([, name = '']) => name)
  const others = [...read('src/index.ts').matchAll(/^export (?:type )?\{ (.+) \} from/gm)].flatMap(([, names = '']) =>
    names.split(', ').map((name) => name.replace(/^type |^.* as /, '')),
  )
  // Its page says which members are kept.
  const kept = new Set(read('docs/reference/library.md').match(/\w+/g))
  return [...inApi, ...others].map((name) => [name, membersOf(name).filter((member) => kept.has(member))])
}

function membersOfTasks(): readonly string[] {
  const pace = { durationsMs: [], usualMs: null }
  const open = { count: 0, since: 0, hasMore: true }
  const task = { task: 'a', current: null, last: null, pace, open, next: null, record: EMPTY_TASK_RECORD }
  const { expectations, ...members } = taskJson(task, 0)
  return [...Object.keys(members), ...Object.keys(expectations).map((name) => `expectations.${name}`)]
}

async function everyName(): Promise<readonly (readonly [string, readonly string[]])[]> {
  const commands = await Promise.all(
    Object.entries(COMMANDS).map(async ([name, load]) => {
      const options = Object.keys((await load()).help.options)
      return [`cronledger ${name}`, options.map((option) => `--${optionName(option)}`)] as const
    }),
  )
  const variables = topicText('environment')?.match(/\bCRONLEDGER_[A-Z_]+/g) ?? []
  const metrics = [...read('src/format/metrics/openmetrics.ts').matchAll(/'(cronledger_\w+)'/g)].map(
    ([, name = '']) => name,
  )
  return [
    ...commands,
    ['renamed options, which still work', [...RENAMED.values()].map(({ formerly }) => `--${formerly}`)],
    ['variables of a batch', variables],
    ['exit codes', Object.entries(EXIT).map(([name, code]) => `${name}=${code}`)],
    ['statuses', STATUSES],
    ['metrics', metrics],
    ['columns of history as CSV', csvColumns([]).map(({ name }) => name)],
    ['cronledger tasks --json', membersOfTasks()],
    ...['row', 'task', 'event', 'finding'].flatMap(partsOf),
    ...exportsOfLibrary().map(([name, members]) => [`library ${name}`, members] as const),
    ...['ledger', 'batch'].map((name) => [`parameters of ${name}.yaml`, parametersOf(name)] as const),
  ]
}

function parametersOf(name: string): readonly string[] {
  const [, text = ''] = /^Parameters:\n([\s\S]*?)^\S/m.exec(read(`schema/${name}.yaml`)) ?? []
  return [...text.matchAll(/^ {2}(\w+):/gm)].map(([, parameter = '']) => parameter)
}

test('no name that a user can depend on changes unseen', async () => {
  const lines = (await everyName()).map(([what, names]) => `${what}: ${[...new Set(names)].sort().join(' ')}\n`)
  await expect(lines.join('')).toMatchFileSnapshot('compatibility.txt')
})
