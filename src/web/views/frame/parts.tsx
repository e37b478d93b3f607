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

/** An owner. Each address of the web in it is a link. */
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
