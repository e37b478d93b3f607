import { readFileSync } from 'node:fs'
import type { Subject } from './day.ts'

/** A planted bug: in `file`, the text `from` becomes `to`. The first lines of planted-bugs.txt say what the rest means. */
interface Mutation {
  readonly name: string
  readonly file: string
  readonly from: string
  readonly to: string
  readonly scenario: string | undefined
  readonly isExplored: boolean
  readonly subject: Subject | undefined
}

const [, ...sections] = readFileSync(new URL('planted-bugs.txt', import.meta.url), 'utf8').split('\n== ')

export const MUTATIONS: readonly Mutation[] = sections.flatMap((section) => {
  const [file = '', ...bugs] = section.trim().split('\n\n')
  return bugs.map((bug) => bugOf(file, bug))
})

function bugOf(file: string, text: string): Mutation {
  const [title = '', ...lines] = text.split('\n')
  const [name = '', ...tags] = title.split(' | ')
  const tagged = (tag: string) => tags.find((one) => one.startsWith(tag))?.slice(tag.length)
  const marked = (mark: string) => lines.filter((line) => line.startsWith(mark)).map((line) => line.slice(2))
  return {
    name,
    file,
    from: marked('-').join('\n'),
    to: marked('+').join('\n'),
    scenario: tagged('scenario: '),
    isExplored: tags.includes('only the explorer'),
    subject: tagged('days: ') as Subject | undefined,
  }
}
