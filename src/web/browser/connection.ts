const SECOND_MS = 1_000
const AGE_UNITS = [
  { name: 'd', ms: 86_400_000 },
  { name: 'h', ms: 3_600_000 },
  { name: 'min', ms: 60_000 },
  { name: 's', ms: SECOND_MS },
] as const

/** The banner that says that the page could not be refreshed, and when the next try is. */
interface ConnectionBanner {
  /** The page is up to date, so the banner goes away. */
  up(): void
  /** A request is under way. */
  trying(): void
  /**
   * The last try failed. `problem` is a sentence that says why, or null if the page itself says it. `wasAsked` is whether a
   * person asked for the try.
   */
  down(failure: { readonly problem: string | null; readonly dueMs: number; readonly wasAsked: boolean }): void
}

/** Creates the banner. `tryNow` is called when a person asks for a try. */
export function openConnection(tryNow: () => void): ConnectionBanner {
  const status = document.getElementById('connection')
  const retry = document.getElementById('retry')
  const words = document.createElement('span')
  const button = document.createElement('button')
  button.type = 'button'
  button.textContent = 'Try now'
  button.addEventListener('click', tryNow)
  let shownAtMs = Date.now()
  let told = ''
  let ticker = 0

  return {
    up() {
      clearInterval(ticker)
      shownAtMs = Date.now()
      told = ''
      const hadFocus = document.activeElement === button
      status?.replaceChildren()
      retry?.replaceChildren()
      if (hadFocus) document.getElementById('main')?.focus({ preventScroll: true })
    },
    trying() {
      clearInterval(ticker)
      words.textContent = 'Trying now. '
    },
    down({ problem, dueMs, wasAsked }) {
      // Without this a screen reader would say nothing after a second try with the same result.
      const again = wasAsked ? `The last try was at ${clockText(new Date())}.` : ''
      const text = `${problem ?? ''} ${again}`
      // A screen reader reads the status each time it is set.
      if (text !== told) status?.replaceChildren(...statusParts(problem), again)
      told = text
      const tick = () => {
        const age = problem === null ? '' : `That was ${textOf(Date.now() - shownAtMs)} ago. `
        words.textContent = `${age}Next try in ${Math.max(0, Math.ceil((dueMs - Date.now()) / SECOND_MS))} s. `
      }
      clearInterval(ticker)
      tick()
      ticker = setInterval(tick, SECOND_MS)
      // The button must stay the same element, otherwise it would lose the focus.
      if (retry && !retry.contains(button)) retry.replaceChildren(words, button)
    },
  }
}

function statusParts(problem: string | null): readonly (string | Node)[] {
  return problem === null ? [] : [`${problem} The page shows the ledger as of `, shownAt(), '. ']
}

/** Returns the time of the ledger that the page shows, in the zone of this browser and in UTC. */
function shownAt(): Node {
  const asOf = document.querySelector('#as-of time')?.getAttribute('datetime') ?? ''
  const at = new Date(asOf)
  const time = document.createElement('time')
  time.className = 'time'
  time.dateTime = asOf
  const utc = document.createElement('span')
  utc.textContent = `${asOf.slice(11, 19)} UTC`
  time.append(utc)
  if (at.getTimezoneOffset() === 0) return time
  const local = document.createElement('span')
  local.className = 'local'
  local.textContent = clockText(at)
  utc.className = 'utc'
  time.prepend(local)
  return time
}

/** Returns `03:04:10 +09:00` in the zone of this browser. */
function clockText(at: Date): string {
  const minutes = -at.getTimezoneOffset()
  if (minutes === 0) return `${at.toISOString().slice(11, 19)} UTC`
  const [sign, size] = [minutes < 0 ? '-' : '+', Math.abs(minutes)]
  const two = (value: number) => String(value).padStart(2, '0')
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')
  return `${time} ${sign}${two(Math.floor(size / 60))}:${two(size % 60)}`
}

/** Returns a duration in its largest unit: `2 min`. */
function textOf(ms: number): string {
  const unit = AGE_UNITS.find((one) => ms >= one.ms) ?? AGE_UNITS[3]
  return `${Math.floor(ms / unit.ms)} ${unit.name}`
}
