import { formatInstant } from '../../core/instant.ts'
import type { Instant } from '../../core/types.ts'
import { cronledger } from '../../verdict/command.ts'
import type { Problem } from '../../verdict/problems.ts'
import { commandText } from '../command-line.ts'
import { counted } from '../text.ts'
import { problemJson, problemLines, problemTitle, teamsText } from './problems.ts'

/** A message must fit the smallest service, and a phone. */
const MAX_PROBLEMS = 20
const MAX_COLUMNS = 100
const MAX_BYTES = 16_000
export const MAX_LINES = 40

export interface Digest extends Readonly<Record<string, unknown>> {
  readonly event: 'digest' | 'repaired'
  readonly title: string
  readonly time: string
  readonly number?: string
}

export interface DigestContext {
  readonly store: string
  readonly task: string | undefined
  readonly since: Instant
  readonly now: Instant
}

export function digestOf(problems: readonly Problem[], context: DigestContext): Digest {
  return fitting((most) => digestWith(problems, context, most))
}

export function digestWith(
  problems: readonly Problem[],
  { store, task, since, now }: DigestContext,
  most: number,
): Digest & { readonly message: string } {
  const command = commandText(cronledger('check', { store, task, since: formatInstant(since) }, '--commands'))
  return { ...messageOf(problems, now, most), level: 'error', event: 'digest', command }
}

export function fitting(digestWith: (most: number) => Digest): Digest {
  for (const most of [Number.POSITIVE_INFINITY, 50, 20, 5, 1]) {
    const digest = digestWith(most)
    if (new TextEncoder().encode(JSON.stringify(digest)).length <= MAX_BYTES) return digest
  }
  return digestWith(0)
}

export function digestTitle(problems: readonly Problem[], now: Instant): string {
  const [first, ...others] = problems
  if (first === undefined) return ''
  const team = teamsText(first)
  const more = others.length === 0 ? '' : ` · and ${counted(others.length, 'other problem')}`
  return `${problemTitle(first, now)}${team === null ? '' : ` (${team})`}${more}`
}

function messageOf(problems: readonly Problem[], now: Instant, most: number) {
  const shown = problems.slice(0, MAX_PROBLEMS)
  const left = problems.length - shown.length
  const lines = [
    ...problemLines(shown, { columns: MAX_COLUMNS, color: false }, now).slice(0, MAX_LINES),
    ...(left > 0 ? [`and ${counted(left, 'more problem')}`] : []),
  ]
  return {
    title: digestTitle(problems, now),
    time: formatInstant(now),
    slots: problems.reduce(
      (sum, { slots, waiting }) => sum + slots + waiting.reduce((all, one) => all + one.slots.length, 0),
      0,
    ),
    tasks: new Set(problems.flatMap(({ tasks, waiting }) => [...tasks, ...waiting].map(({ task }) => task))).size,
    problems: shown.map((one) => problemJson(one, now, most)),
    ...(left > 0 && { moreProblems: left }),
    message: lines.join('\n'),
  }
}
