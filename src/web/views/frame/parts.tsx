import type { FoundSuspension } from '../../../core/task/suspensions.ts'
import { printable } from '../../../format/text.ts'
import { Time, type WallClock } from './time.tsx'

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

export const IN_FORCE = { pause: 'paused', retirement: 'retired' } as const

export function SuspensionInForce({
  found: { kind, suspension },
  clock,
}: Readonly<{ found: FoundSuspension; clock: WallClock }>) {
  const { from, until, by, reason } = suspension
  return (
    <span class="suspended">
      <strong>{IN_FORCE[kind]}</strong> since <Time at={from} clock={clock} />
      {until !== null && (
        <>
          {' '}
          until <Time at={until} clock={clock} />
        </>
      )}{' '}
      by {printable(by)}: {printable(reason)}
    </span>
  )
}
