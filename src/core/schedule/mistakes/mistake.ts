/** A mistake that users often make in an expression. */
export interface Mistake {
  /** What is wrong, without a full stop. */
  readonly what: string
  /** The expression that the user probably meant. */
  readonly schedule?: string
  /** Further options that the expression needs, for example ` --timezone Asia/Tokyo`. */
  readonly more?: string
  /** What to do, as whole sentences. */
  readonly advice?: string
}

/** Returns a mistake as the text of an error. */
export function mistakeText({ what, schedule, more = '', advice }: Mistake, hasAnchor: boolean): string {
  const rate = schedule?.startsWith('rate(') && !hasAnchor ? schedule : null
  const anchor = rate === null ? '' : ' --anchor START, where START is the instant that it counts from'
  const crontab = rate === null ? null : crontabOf(rate)
  return [
    `${what}.`,
    ...(schedule === undefined ? [] : [`Use --schedule '${schedule}'${more}${anchor}.`]),
    ...(crontab === null ? [] : [`Or use --schedule '${crontab}', which needs no anchor.`]),
    ...(advice === undefined ? [] : [advice]),
  ].join(' ')
}

/** Returns the crontab expression that has the same interval as a rate, or null if its interval does not fit a day. */
function crontabOf(rate: string): string | null {
  const [, digits, unit] = /^rate\((\d+) (minute|hour|day)/.exec(rate) ?? []
  const count = Number(digits)
  if (unit === 'minute' && 60 % count === 0) return count === 1 ? '* * * * *' : `*/${count} * * * *`
  if (unit === 'hour' && 24 % count === 0) return count === 1 ? '@hourly' : `0 */${count} * * *`
  return unit === 'day' && count === 1 ? '@daily' : null
}
