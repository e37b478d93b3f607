/** Shows the name of the slot under the pointer or the focus. Screen readers read the link instead of this hint. */
export function startHints(): void {
  const hint = document.createElement('p')
  hint.id = 'hint'
  hint.hidden = true
  hint.setAttribute('aria-hidden', 'true')
  document.body.append(hint)
  const show = (event: Event) => {
    const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>('a.c') : null
    const utc = link && new URL(link.href).searchParams.get('slot')
    hint.hidden = link === null
    hint.textContent = link === null ? '' : `${link.getAttribute('aria-label')}${utc ? ` · ${utc}` : ''}`
  }
  for (const name of ['focusin', 'pointerover'] as const) document.addEventListener(name, show)
}
