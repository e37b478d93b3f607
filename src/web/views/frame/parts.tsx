import { printable } from '../../../format/text.ts'

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

/** Returns the address of an owner on the web. Returns null if the owner is a name. */
export function addressOf(owner: string): string | null {
  return /^https?:\/\/\S+$/i.test(owner) && URL.canParse(owner) ? owner : null
}

/** An owner, which is cut where there is no room. A pointer on it shows all of it. */
export function Owner({ owner }: { readonly owner: string }) {
  const [address, text] = [addressOf(owner), printable(owner)]
  if (address === null)
    return (
      <span class="owner" title={text}>
        {text}
      </span>
    )
  return (
    <a class="owner" title={text} href={address} rel="noreferrer noopener">
      {text}
    </a>
  )
}
