// Stops the wall clock of a Node process at DOCS_CLOCK, in milliseconds since 1970, so that the examples in the docs print
// the same times on each run. It is loaded by `node --import`. Timers and the monotonic clock go on.
const { DOCS_CLOCK } = process.env
if (DOCS_CLOCK) {
  const nowMs = Number(DOCS_CLOCK)
  globalThis.Date = class extends Date {
    constructor(...args) {
      if (args.length === 0) super(nowMs)
      else super(...args)
    }
    static now() {
      return nowMs
    }
  }
}
