import type { Child } from 'hono/jsx'
import { printable } from '../../../format/text.ts'

interface HeadsProps {
  /** The name of each column, with the style of its cells. */
  readonly columns: readonly (readonly [words: string, style?: string])[]
}

export function Heads({ columns }: HeadsProps) {
  return columns.map(([words, style]) => (
    <th scope="col" class={style}>
      {words}
    </th>
  ))
}

/** A text is made safe to show. */
type Content = Child | string

interface ListProps extends HeadsProps {
  readonly rows: readonly (readonly Content[])[]
  readonly style?: string
}

export function ListTable({ columns, rows, style = 'list' }: ListProps) {
  return (
    <table class={style}>
      <thead>
        <tr>
          <Heads columns={columns} />
        </tr>
      </thead>
      <tbody>
        {rows.map((cells) => (
          <tr>
            {cells.map((cell, index) => (
              <td class={columns[index]?.[1]}>{typeof cell === 'string' ? printable(cell) : cell}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}

interface ChoiceProps {
  readonly label: string
  readonly name: string
  readonly options: readonly (readonly [value: string, words: string])[]
  readonly chosen: string | undefined
}

export function Choice({ label, name, options, chosen }: ChoiceProps) {
  return (
    <label>
      {label}
      <select name={name}>
        {options.map(([value, words]) => (
          <option value={value} selected={value === chosen}>
            {words}
          </option>
        ))}
      </select>
    </label>
  )
}

/** A text that may name an owner. Each address of the web in it is a link. */
export function Owner({ owner }: { readonly owner: string }) {
  // With a group, split returns the addresses between the other texts.
  const parts = owner.split(/(https?:\/\/[^\s、。）]*[^\s、。）,.;)])/i)
  return (
    <span class="owner">
      {parts.map((part, index) =>
        index % 2 === 1 && URL.canParse(part) ? (
          <a href={part} rel="noreferrer noopener">
            {printable(part)}
          </a>
        ) : (
          printable(part)
        ),
      )}
    </span>
  )
}

export const IN_FORCE = { pause: 'paused', retirement: 'retired' } as const
