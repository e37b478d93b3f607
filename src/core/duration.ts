import { quote, said, usageError, type ValueName } from './errors.ts'
import { isKeyOf, keysOf } from './objects.ts'

export const DAY_MS = 86_400_000

const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: DAY_MS } as const

export function parseDuration(text: string, name: ValueName = 'duration'): number {
  const [, number, unit = ''] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text) ?? []
  if (!isKeyOf(unit, UNITS_MS)) {
    const isTime = /^\d{1,2}:\d\d/.test(text)
    const what = /^\d+(\.\d+)?$/.test(text) ? 'has no unit' : isTime ? 'is a time of day' : 'is not a valid duration'
    throw usageError(
      said`${name} ${quote(text)} ${what}. Use a number and a unit, such as 500ms, 30s, 10m, 1.5h or 2d.`,
    )
  }
  return Math.round(Number(number) * UNITS_MS[unit])
}

/** Returns between half of `ms` and `ms`, so that processes do not try again together. `random` is in [0, 1). */
export function spread(ms: number, random: number): number {
  return ms * (0.5 + random / 2)
}

/** Returns a short text that `parseDuration` reads back as `ms` milliseconds: `10m`, `90s`, `1.5s`. */
export function formatDuration(ms: number): string {
  const units = keysOf(UNITS_MS).reverse()
  const unit = units.find((name) => ms >= UNITS_MS[name] && ms % UNITS_MS[name] === 0)
  if (unit === undefined || unit === 'ms') return ms >= 1_000 ? `${ms / 1_000}s` : `${ms}ms`
  return `${ms / UNITS_MS[unit]}${unit}`
}

/** Returns a duration in milliseconds as a short text: `0.4s`, `12s`, `3m 5s`, `2h 10m`, `3d 4h`. */
export function elapsed(ms: number): string {
  const seconds = Math.max(0, ms) / 1_000
  if (seconds < 10) return `${(Math.floor(seconds * 10) / 10).toString()}s`
  if (seconds < 60) return `${Math.floor(seconds)}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}m ${Math.floor(seconds % 60)}s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours}h ${minutes % 60}m` : `${Math.floor(hours / 24)}d ${hours % 24}h`
}
