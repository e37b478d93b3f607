/** A fenced block of a Markdown file, or an HTML comment that the guard reads. Line numbers begin at 0. */
export interface Block {
  /** The language of a fence, or the first word of a comment: `clock`, `run` or `needs`. */
  readonly kind: string
  readonly isComment: boolean
  /** The words after the language: `{ exit: '1' }` of `exit=1`, and `{ output: '' }` of `output`. */
  readonly attributes: Readonly<Record<string, string>>
  readonly text: string
  /** The line after the opening fence, and the line of the closing fence. */
  readonly from: number
  readonly to: number
}

/** Returns the fenced blocks and the comments of a Markdown text, in their order. */
export function blocksOf(markdown: string): readonly Block[] {
  const lines = markdown.split('\n')
  const blocks: Block[] = []
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? ''
    const [, indent, fence, info] = /^( *)(```+)(.*)$/.exec(line) ?? []
    if (indent !== undefined && fence !== undefined) {
      const to = lines.findIndex((other, index) => index > at && other.trim() === fence)
      if (to === -1) throw new Error(`line ${at + 1}: the fence is not closed`)
      const [, kind = '', rest = ''] = /^(\S*)(.*)$/.exec((info ?? '').trim()) ?? []
      const text = lines.slice(at + 1, to).map((inside) => inside.slice(indent.length))
      blocks.push({
        kind,
        isComment: false,
        attributes: attributesOf(rest),
        text: text.map((inside) => `${inside}\n`).join(''),
        from: at + 1,
        to,
      })
      at = to
    } else if (line.startsWith('<!-- ')) {
      const to = lines.findIndex((other, index) => index >= at && other.endsWith('-->'))
      if (to === -1) throw new Error(`line ${at + 1}: the comment is not closed`)
      const text = lines.slice(at, to + 1).join('\n')
      const [, kind = '', body = ''] = /^<!-- ([a-z]+):?\s(.*?)\s*-->$/s.exec(text) ?? []
      blocks.push({ kind, isComment: true, attributes: {}, text: `${body}\n`, from: at + 1, to })
      at = to
    }
  }
  return blocks
}

function attributesOf(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/([a-z-]+)(?:=(?:"([^"]*)"|(\S+)))?/g)].map(([, name = '', quoted, word]) => [
      name,
      quoted ?? word ?? '',
    ]),
  )
}

/** Returns the lines of a Markdown text that are neither in a fence nor in a comment. The others are empty. */
export function proseOf(markdown: string): readonly string[] {
  const lines = markdown.split('\n')
  for (const { from, to } of blocksOf(markdown)) lines.fill('', from - 1, to + 1)
  return lines
}
