import { quote, usageError } from '../../../core/errors.ts'
import { suggestion } from '../../../core/near.ts'
import { isKeyOf } from '../../../core/objects.ts'
import { listed } from '../../../format/text.ts'
import type { Pair } from './rules.ts'

export type ParameterValues = Readonly<Record<string, string>>

/** The parameters that follow from an option, and the option. */
const OPTION_OF: ParameterValues = {
  Table: 'store',
  Task: 'task',
  Family: 'task',
  Schedule: 'schedule',
  ScheduleExpression: 'schedule',
  StartDate: 'schedule',
  Timezone: 'timezone',
  Anchor: 'anchor',
}

/** The parameters that are outputs of the stack of the ledger. Without a StateMachine and a TableKey, it does not have these. */
export const OUTPUTS = [
  'Container',
  'ScheduleGroup',
  'SchedulerRole',
  'DeadLetters',
  'AlarmTopic',
  'StateMachine',
  'TableKey',
]

/** What the template gets as several lists, because it cannot split NAME=VALUE. */
const PAIRS = {
  Variables: { parameters: ['VariableNames', 'VariableValues'], form: 'NAME=VALUE', value: '[^,]*' },
  Secrets: {
    parameters: ['SecretNames', 'SecretArns', 'SecretResources'],
    form: 'VARIABLE=ARN',
    value: 'arn:[^:,=]+:(?:secretsmanager|ssm):[^,=]+',
  },
} as const
const PAIR_PARAMETERS: readonly string[] = Object.values(PAIRS).flatMap(({ parameters }) => parameters)
const NAME = '[A-Za-z_]\\w*'

export function readTemplate(template: string): Map<string, Parameter> {
  const [, section = ''] = /^Parameters:\n((?: .*\n|\n)+)/m.exec(template) ?? []
  const blocks = section.matchAll(/^ {2}(\w+):\n((?: {4}.*\n)+)/gm)
  return new Map([...blocks].map(([, name = '', block = '']) => [name, readParameter(block)]))
}

export type Parameter = ReturnType<typeof readParameter>

function readParameter(block: string) {
  const member = (key: string) => {
    const [, quoted, plain] = new RegExp(`^ {4}${key}: (?:"(.*)"|(.*))$`, 'm').exec(block) ?? []
    return quoted ?? plain
  }
  const [, list] = /^ {4}AllowedValues:\s+\[(.*?)\]/ms.exec(block) ?? []
  const choices = list?.split(/,\s*/).map((choice) => choice.replaceAll('"', '')) ?? []
  const otherPattern = member('Type') === 'Number' ? '\\d+' : '.*'
  const pattern = member('AllowedPattern')?.replaceAll('\\\\', '\\') ?? (choices.join('|') || otherPattern)
  return {
    what: member('Description') ?? '',
    /** Null: the template has no default. */
    otherwise: member('Default') ?? null,
    choices,
    /** In a list, each item must match it. */
    allowed: new RegExp(`^(?:${pattern})$`, 's'),
    least: Number(member('MinValue') ?? Number.NEGATIVE_INFINITY),
    most: Number(member('MaxValue') ?? Number.POSITIVE_INFINITY),
  }
}

export interface Given {
  readonly values: ParameterValues
  readonly pairs: Readonly<Record<keyof typeof PAIRS, readonly Pair[]>>
}

/** Reads `Memory=1024 Command=sh,-c,a b`, in which a value may contain spaces. */
export function readParameters(text: string, known: ReadonlyMap<string, Parameter>): Given {
  const values: Record<string, string> = {}
  const pairs: Record<keyof typeof PAIRS, readonly Pair[]> = { Variables: [], Secrets: [] }
  for (const [word, name, value] of wordsOf(text)) {
    const wrong = (why: string) => usageError(`--parameters ${quote(word)}${why}`)
    if (isKeyOf(name, PAIRS)) {
      const { form, value: item } = PAIRS[name]
      if (new RegExp(`^(?:${NAME}=${item}(?: *, *|$))*$`, 's').test(value)) pairs[name] = pairsIn(value)
      else throw wrong(` is not allowed. Use ${name}=${form},${form}.`)
    } else if (name in OPTION_OF) {
      throw wrong(`: ${name} follows from --${OPTION_OF[name]}. Use that option.`)
    } else {
      values[name] = value
      checkValue(name, value, known, wrong)
    }
  }
  return { values, pairs }
}

type Word = readonly [word: string, name: string, value: string]

function wordsOf(text: string): readonly Word[] {
  const words = text.trim() === '' ? [] : text.trim().split(/\s+(?=\w+=)/)
  return words.map((word) => {
    const [, name = '', value] = /^(\w+)=(.*)$/s.exec(word) ?? []
    if (value === undefined) throw usageError(`--parameters ${quote(word)} is not valid. Use NAME=VALUE NAME=VALUE ….`)
    return [word, name, value]
  })
}

const pairsIn = (text: string): readonly Pair[] =>
  text
    .split(/ *, */)
    .filter(Boolean)
    .map((pair) => [pair.replace(/=.*/s, ''), pair.replace(/^.*?=/s, '')])

function checkValue(name: string, value: string, known: ReadonlyMap<string, Parameter>, wrong: (why: string) => Error) {
  const parameter = PAIR_PARAMETERS.includes(name) ? undefined : known.get(name)
  if (parameter === undefined) {
    const isOpen = (one: string) => ![...Object.keys(OPTION_OF), ...PAIR_PARAMETERS, ...OUTPUTS].includes(one)
    const names = [...known.keys(), ...Object.keys(PAIRS)].filter(isOpen)
    throw wrong(`: the template has no parameter ${name}.${suggestion(name, names)} Use ${names.join(', ')}.`)
  }
  const { what, allowed, choices, least, most } = parameter
  const use = choices.length > 0 ? ` Use ${listed(choices.filter(Boolean), 'or')}.` : ''
  const items = what.includes('separated by commas') ? value.split(/ *, */) : [value]
  if (!items.every((one) => allowed.test(one))) throw wrong(` is not allowed. ${what}${use}`)
  if (Number(value) < least || Number(value) > most)
    throw wrong(` is not allowed. ${what} At least ${least}, at most ${most}.`)
}
