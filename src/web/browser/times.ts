/** Makes the choice of the zone of all times. The server makes the pages in the zone that it finds in the cookie. */
export function startTimes(): void {
  const choice = document.getElementById('times')
  if (!(choice instanceof HTMLSelectElement)) return
  choice.addEventListener('change', () => {
    const zone = choice.value === 'browser' ? Intl.DateTimeFormat().resolvedOptions().timeZone : choice.value
    const age = zone === '' ? 0 : 31_536_000
    // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API needs TLS or a loopback address
    document.cookie = `${choice.dataset['cookie']}=${encodeURIComponent(zone)}; path=/; max-age=${age}; samesite=strict`
    location.reload()
  })
  // The Back button can show a page that was left before another choice was made.
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) location.reload()
  })
}
