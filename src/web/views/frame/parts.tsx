/** The heads of columns, each with the class of its column. */
export function Heads({ columns }: { readonly columns: readonly (readonly [words: string, style?: string])[] }) {
  return columns.map(([words, style]) => (
    <th scope="col" class={style}>
      {words}
    </th>
  ))
}

interface ChoiceProps {
  readonly label: string
  readonly name: string
  readonly options: readonly (readonly [value: string, words: string])[]
  readonly chosen: string | undefined
}

/** A field of a form, in which a person chooses one of some options. */
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
