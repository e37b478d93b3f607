import { existsSync, readFileSync } from 'node:fs'
import { parse } from 'yaml'

/** A fenced block of a Markdown file, or commands that are run before one and not shown. Line numbers begin at 0. */
export interface Block {
  /** The language of a fence, or what an instruction does: `clock`, `run` or `needs`. */
  readonly kind: string
  readonly isHidden: boolean
  /** What the instructions say of the block, for example `{ exit: '1' }`. */
  readonly attributes: Readonly<Record<string, string>>
  readonly text: string
  /** The line after the opening fence, and the line of the closing fence. */
  readonly from: number
  readonly to: number
}

export function blocksOf(markdown: string): readonly Block[] {
  const lines = markdown.split('\n')
  const blocks: Block[] = []
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? ''
    const [, indent, fence, info] = /^( *)(```+)(.*)$/.exec(line) ?? []
    if (indent !== undefined && fence !== undefined) {
      const to = lines.findIndex((other, index) => index > at && other.trim() === fence)
      if (to === -1) throw new Error(`line ${at + 1}: the fence is not closed`)
      const text = lines.slice(at + 1, to).map((inside) => inside.slice(indent.length))
      blocks.push({
        kind: (info ?? '').trim(),
        isHidden: false,
        attributes: {},
        text: text.map((inside) => `${inside}\n`).join(''),
        from: at + 1,
        to,
      })
      at = to
    }
  }
  return blocks
}

/**
 * What a test does with the blocks of a page: the file `pages/NAME.run.yaml`, which translations share. `blocks` names a
 * block by how it begins, in the order of the page.
 */
interface Instructions {
  readonly needs?: string
  readonly clock?: string
  readonly after?: string
  readonly blocks?: readonly { readonly at: string; readonly before?: string }[]
}

/** Returns the blocks of a page of the repository, with its instructions. */
export function blocksIn(page: URL): readonly Block[] {
  const blocks = blocksOf(readFileSync(page, 'utf8'))
  // Two pages may have one name: a guide, and the reference.
  const [folder, name = ''] = page.pathname
    .replace(/(\.\w\w)?\.md$/, '.run.yaml')
    .split('/')
    .slice(-2)
  const instructions = new URL(`pages/${folder === 'reference' ? 'reference-' : ''}${name}`, import.meta.url)
  return existsSync(instructions) ? instructed(blocks, parse(readFileSync(instructions, 'utf8'))) : blocks
}

function instructed(blocks: readonly Block[], { needs, clock, after, blocks: told = [] }: Instructions) {
  const hidden = (kind: string, text = '', from = 0): Block[] =>
    text === '' ? [] : [{ kind, isHidden: true, attributes: {}, text: `${text.trimEnd()}\n`, from, to: from }]
  let next = 0
  const all = blocks.flatMap((block) => {
    const instruction = told[next]
    if (instruction === undefined || block.isHidden || !block.text.startsWith(instruction.at)) return [block]
    next++
    const { at: _, before, ...attributes } = instruction
    const texts = Object.entries(attributes).map(([name, value]) => [name, String(value)])
    const merged = { ...block, attributes: { ...block.attributes, ...Object.fromEntries(texts) } }
    return [...hidden('run', before, block.from), merged]
  })
  if (next < told.length) throw new Error(`no block of the page begins with: ${told[next]?.at}`)
  return [...hidden('needs', needs), ...hidden('clock', clock), ...all, ...hidden('run', after)]
}

/** Returns the lines of a Markdown text that are not in a fence. The others are empty. */
export function proseOf(markdown: string): readonly string[] {
  const lines = markdown.split('\n')
  for (const { from, to } of blocksOf(markdown)) lines.fill('', from - 1, to + 1)
  return lines
}
