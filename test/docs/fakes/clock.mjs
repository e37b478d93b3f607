// Stops the wall clock of a Node process at DOCS_CLOCK, in milliseconds since 1970, so that the examples in the docs print
// the same times on each run. It is loaded by `node --import`. Timers and the monotonic clock go on.
const RealDate = Date

/** Returns a `Date` whose clock stands at this text, or the real one without a text. */
export function dateAt(text) {
  if (!text) return RealDate
  const nowMs = Number(text)
  return class extends RealDate {
    constructor(...args) {
      if (args.length === 0) super(nowMs)
      else super(...args)
    }
    static now() {
      return nowMs
    }
  }
}

globalThis.Date = dateAt(process.env.DOCS_CLOCK)
