// Evaluates a Terraform module: not what Terraform does, but enough to see each reference and to compare the result.
import type { Loose } from '../support/cli.ts'
import { ACCOUNT } from './meaning.ts'

interface Node {
  readonly type: string
  readonly meta?: Loose
  readonly children: readonly Node[]
}
export interface Parser {
  parse(name: string, text: string): Promise<Loose>
  getExpressionAst(name: string, text: string): Promise<Node>
}

export interface Instance {
  readonly type: string
  readonly id: string
  readonly values: Loose
}
export interface Module {
  readonly instances: readonly Instance[]
  readonly outputs: Loose
  /** What the expressions named, such as `var.image` and `aws_iam_role.task.arn`. */
  readonly used: ReadonlySet<string>
}

const FUNCTIONS: Readonly<Record<string, (...args: never[]) => unknown>> = {
  alltrue: (list: boolean[]) => list.every(Boolean),
  concat: (...lists: unknown[][]) => lists.flat(),
  contains: (list: unknown[], item: unknown) => list.includes(item),
  distinct: (list: unknown[]) => [...new Set(list)],
  join: (by: string, list: string[]) => list.join(by),
  jsonencode: (value: unknown) =>
    JSON.stringify(value).replaceAll('<', '\\u003c').replaceAll('>', '\\u003e').replaceAll('&', '\\u0026'),
  keys: (map: Loose) => Object.keys(map).sort(),
  length: (value: string | unknown[] | Loose) => (typeof value === 'object' ? Object.keys(value) : value).length,
  max: Math.max,
  min: Math.min,
  merge: (...maps: Loose[]) => Object.assign({}, ...maps),
  setintersection: (one: unknown[], other: unknown[]) => one.filter((item) => other.includes(item)),
  regex: (pattern: string, text: string) => {
    const [found] = new RegExp(pattern).exec(text) ?? []
    if (found === undefined) throw new Error(`${text} does not match ${pattern}`)
    return found
  },
  replace: (text: string, from: string, to: string) => text.replaceAll(from, to),
  slice: (list: unknown[], from: number, to: number) => list.slice(from, to),
  split: (by: string, text: string) => text.split(by),
  startsWith: (text: string, start: string) => text.startsWith(start),
  title: (text: string) => text.replace(/\b[a-z]/g, (letter) => letter.toUpperCase()),
  trimsuffix: (text: string, end: string) => (text.endsWith(end) ? text.slice(0, -end.length) : text),
  values: (map: Loose) =>
    Object.keys(map)
      .sort()
      .map((key) => map[key]),
}
const OPERATORS: Readonly<Record<string, (one: never, other: never) => unknown>> = {
  equal: (one, other) => one === other,
  notEqual: (one, other) => one !== other,
  logicalAnd: (one, other) => one && other,
  logicalOr: (one, other) => one || other,
  greaterThan: (one: number, other: number) => one > other,
  greaterThanOrEqual: (one: number, other: number) => one >= other,
  lessThanOrEqual: (one: number, other: number) => one <= other,
  modulo: (one: number, other: number) => one % other,
  add: (one: number, other: number) => one + other,
  multiply: (one: number, other: number) => one * other,
}
const META = ['count', 'for_each', 'depends_on', 'lifecycle', 'dynamic']

export async function evaluateModule(parser: Parser, text: string, given: Loose): Promise<Module> {
  const { variable = {}, locals = [], data = {}, resource = {}, output = {} } = await parser.parse('main.tf', text)
  const local: Loose = Object.assign({}, ...locals)
  const used = new Set<string>()
  const asts = new Map<string, Promise<Node>>()
  const astOf = (source: string) => {
    const ast = asts.get(source) ?? parser.getExpressionAst('main.tf', source)
    asts.set(source, ast)
    return ast
  }
  const unknown = (name: string) => new Error(`${name} does not exist`)

  async function variableValue(name: string) {
    if (!(name in variable)) throw unknown(`var.${name}`)
    const { type, default: otherwise } = variable[name][0]
    if (!(name in given)) {
      if (otherwise === undefined) throw new Error(`var.${name} has no value`)
      return otherwise
    }
    const [, members] = /^\$\{object\((\{.*\})\)\}$/s.exec(type) ?? []
    if (members === undefined) return given[name]
    // Terraform drops the members that the type does not have, and adds those that are optional.
    const { meta = {} } = (await astOf(`"\${${members}}"`)).children[0] ?? {}
    const entries = Object.entries<string>(meta['items']).map(async ([key, source]) => {
      const [, fallback] = /^optional\([^,]+?(?:, (.*))?\)$/.exec(source) ?? []
      if (key in given[name]) return [key, given[name][key]]
      if (!source.startsWith('optional(')) throw new Error(`var.${name} has no ${key}`)
      return [key, fallback === undefined ? null : await value(`\${${fallback}}`, {})]
    })
    return Object.fromEntries(await Promise.all(entries))
  }
  async function dataValue(type: string, name: string, attribute: string, scope: Loose) {
    const block = data[type]?.[name]?.[0]
    if (block === undefined) throw unknown(`data.${type}.${name}`)
    if (attribute !== 'json') return (ACCOUNT as Loose)[attribute.replace('account_id', 'account')]
    return JSON.stringify(documentOf(await valuesOf(block, scope)))
  }
  async function instancesOf(type: string, name: string): Promise<readonly Loose[]> {
    const block = resource[type]?.[name]?.[0]
    if (block === undefined) throw unknown(`${type}.${name}`)
    if ('count' in block)
      return Array.from({ length: await value(block.count, {}) }, (_, index) => ({ count: { index } }))
    if (!('for_each' in block)) return [{}]
    return Object.entries(await value(block.for_each, {})).map(([key, one]) => ({ each: { key, value: one } }))
  }

  async function traverse(path: readonly string[], scope: Loose): Promise<unknown> {
    const [root = '', first = '', second = ''] = path
    const walk = (from: unknown, keys: readonly string[]) =>
      keys.reduce<unknown>((at, key) => {
        if (!(key in (at as Loose))) throw unknown(path.join('.'))
        return (at as Loose)[key]
      }, from)
    if (root in scope) return walk(scope[root], path.slice(1))
    const [attribute = ''] = path.slice(root === 'data' ? 3 : 2).filter((key) => !/^\d+$/.test(key))
    used.add([...path.slice(0, root === 'data' ? 3 : 2), attribute].join('.'))
    if (root === 'var') return walk(await variableValue(first), path.slice(2))
    if (root === 'local') {
      if (!(first in local)) throw unknown(`local.${first}`)
      return walk(await value(local[first], {}), path.slice(2))
    }
    if (root === 'data') return dataValue(first, second, path.at(-1) ?? '', scope)
    if ((await instancesOf(root, first)).length <= (Number(second) || 0))
      throw new Error(`${path.join('.')} is not made`)
    return `<${root}.${first}>`
  }

  async function evaluate({ type, meta = {}, children }: Node, scope: Loose): Promise<unknown> {
    const each = () => Promise.all(children.map((child) => evaluate(child, scope)))
    const nth = (index: number, inner = scope) => evaluate(children[index] as Node, inner)
    const again = async (source: string, inner = scope) => evaluate(await astOf(`"\${${source}}"`), inner)
    switch (type) {
      case '':
      case 'templateWrap':
        return nth(0)
      case 'template':
        return (await each()).join('')
      case 'literalValue':
        if (meta['type'] === 'string') return JSON.parse(`"${meta['value']}"`)
        return JSON.parse(meta['value'])
      case 'scopeTraversal':
        return traverse(
          meta['traversal'].map(({ segment }: Loose) => segment.replaceAll('"', '')),
          scope,
        )
      case 'relativeTraversal':
        return ((await nth(0)) as Loose)[meta['fullAccessor']]
      case 'index':
        return ((await nth(0)) as Loose)[(await nth(1)) as string]
      case 'splat': {
        const [name = '', label = ''] = meta['sourceExpression'].split('.')
        return (await instancesOf(name, label)).map(() => `<${name}.${label}>`)
      }
      case 'conditional':
        return (await nth(0)) ? nth(1) : nth(2)
      case 'unaryOp':
        return !(await nth(0))
      case 'binaryOp':
        return OPERATORS[meta['operator']]?.(...((await each()) as [never, never]))
      case 'tuple':
        return each()
      case 'object':
        return Object.fromEntries(
          await Promise.all(
            Object.entries<string>(meta['items']).map(async ([key, source]) => [
              key.replaceAll('"', ''),
              await again(source),
            ]),
          ),
        )
      case 'function': {
        if (meta['name'] === 'can')
          return nth(0).then(
            () => true,
            () => false,
          )
        if (meta['name'] === 'try') return nth(0).catch(() => nth(1))
        const call = FUNCTIONS[meta['name'] === 'startswith' ? 'startsWith' : meta['name']]
        if (call === undefined) throw unknown(`function ${meta['name']}`)
        return call(...((await each()) as never[]))
      }
      case 'for': {
        const { keyVar, valVar, keyExpression, valueExpression, conditionalExpression } = meta
        const items = Object.entries((await nth(0)) as Loose)
        const made: unknown[] = []
        for (const [key, one] of items) {
          const inner = { ...scope, [valVar]: one, ...(keyVar && { [keyVar]: key }) }
          if (conditionalExpression && !(await again(conditionalExpression, inner))) continue
          const result = await again(valueExpression, inner)
          made.push(keyExpression ? [await again(keyExpression, inner), result] : result)
        }
        return keyExpression ? Object.fromEntries(made as [string, unknown][]) : made
      }
      default:
        throw new Error(`${type} is not known: ${JSON.stringify(meta)}`)
    }
  }

  async function value(part: unknown, scope: Loose): Promise<ReturnType<typeof JSON.parse>> {
    if (typeof part === 'string') return part.includes('${') ? evaluate(await astOf(`"${part}"`), scope) : part
    if (typeof part !== 'object' || part === null) return part
    if (Array.isArray(part)) return Promise.all(part.map((item) => value(item, scope)))
    return valuesOf(part, scope)
  }
  async function valuesOf(block: Loose, scope: Loose): Promise<Loose> {
    const entries = Object.entries(block).filter(([name]) => !META.includes(name))
    const values: Loose = {}
    for (const [name, part] of entries) values[name] = await value(part, scope)
    for (const [name, blocks] of Object.entries<Loose[]>(block['dynamic'] ?? {})) {
      for (const { for_each, content } of blocks) {
        for (const [key, one] of Object.entries(await value(for_each, scope))) {
          const inner = { ...scope, [name]: { key, value: one } }
          values[name] = [...(values[name] ?? []), await valuesOf(content[0], inner)]
        }
      }
    }
    return values
  }

  async function require(conditions: readonly Loose[] = []) {
    for (const { condition, error_message } of conditions) {
      if (!(await value(condition, {}))) throw new Error(await value(error_message, {}))
    }
  }
  for (const [block] of Object.values<Loose[]>(variable)) await require(block?.['validation'])

  const instances: Instance[] = []
  for (const [type, blocks] of Object.entries<Loose>(resource)) {
    for (const name of Object.keys(blocks)) {
      await value(blocks[name][0].depends_on, {}).catch((error: Error) => {
        if (!error.message.includes('is not made')) throw error
      })
      await require(blocks[name][0].lifecycle?.[0].precondition)
      for (const scope of await instancesOf(type, name)) {
        const index = scope['each']?.key ?? (scope['count']?.index || undefined)
        const id = `${type}.${name}${index === undefined ? '' : `[${index}]`}`
        instances.push({ type, id, values: await valuesOf(blocks[name][0], scope) })
      }
    }
  }
  const outputs: Loose = {}
  for (const [name, [block]] of Object.entries<Loose[]>(output)) outputs[name] = await value(block?.['value'], {})
  return { instances, outputs, used }
}

function documentOf({ statement = [], source_policy_documents: sources = [] }: Loose) {
  const own = statement.map(({ sid, actions, resources, principals = [], condition = [] }: Loose) => {
    const Condition: Loose = {}
    for (const { test, variable, values } of condition) Condition[test] = { ...Condition[test], [variable]: values }
    const [{ type, identifiers } = { type: '', identifiers: [] }] = principals
    const Principal = type === '' ? undefined : { [type]: identifiers[0] }
    return { Sid: sid, Action: actions, Resource: resources, Principal, Condition }
  })
  return { Statement: [...sources.flatMap((one: string) => JSON.parse(one).Statement), ...own] }
}
