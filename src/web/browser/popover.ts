/** In milliseconds. The pointer may cross other slots on its way into the popover, and it would flicker. */
const REST_MS = 150
const OWNERS = 'main a.c[aria-label]'

/** The style puts the popover beside its cell. Screen readers read the label of the cell, which says the same. */
export function startPopover(): void {
  const popover = document.createElement('div')
  popover.id = 'popover'
  popover.popover = 'manual'
  popover.ariaHidden = 'true'
  document.body.append(popover)
  let owner: HTMLElement | null = null
  let isFocus = false
  let pointed: EventTarget | null = null
  let timer = 0

  const hide = () => {
    clearTimeout(timer)
    owner = null
    popover.hidePopover()
  }
  const show = (next: HTMLElement, byFocus: boolean) => {
    hide()
    owner = next
    isFocus = byFocus
    popover.replaceChildren(contentOf(next))
    popover.showPopover({ source: next })
  }

  // Not `pointerover`: it also comes when the arrow keys scroll the page under a pointer that does not move.
  document.addEventListener('pointermove', ({ target, pointerType }) => {
    if (target === pointed || !(target instanceof Element)) return
    pointed = target
    clearTimeout(timer)
    // A touch opens the link. It cannot only point at a cell.
    if (pointerType === 'touch' || popover.contains(target)) return
    const next = target.closest<HTMLElement>(OWNERS)
    if (next !== null) timer = setTimeout(show, REST_MS, next, false)
    else if (!isFocus) timer = setTimeout(hide, REST_MS)
  })
  document.documentElement.addEventListener('pointerleave', () => {
    if (!isFocus) hide()
  })
  document.addEventListener('focusin', ({ target }) => {
    const isOwner = target instanceof HTMLElement && target.matches(`${OWNERS}:focus-visible`)
    if (isOwner) show(target, true)
    else hide()
  })
  document.addEventListener('focusout', hide)
  document.addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') hide()
  })
  // The cell with the focus scrolls into sight when an arrow key reaches it. A pointer is over another cell by then.
  addEventListener('scroll', () => owner !== null && !isFocus && hide(), { capture: true, passive: true })
  document.addEventListener('refreshed', () => {
    if (owner?.isConnected) show(owner, isFocus)
    else hide()
  })
}

/** Returns a line for each fact. The first one is the name of the task, behind the sign of the slot. */
function contentOf(owner: HTMLElement): Element {
  const [name = '', ...facts] = owner.ariaLabel?.split('; ') ?? []
  const sign = document.createElement('span')
  sign.className = owner.className
  sign.textContent = owner.textContent
  const strong = document.createElement('strong')
  strong.append(name)
  const box = document.createElement('div')
  for (const fact of [[sign, strong], ...facts.map((text) => [text])]) {
    const line = document.createElement('p')
    line.append(...fact)
    box.append(line)
  }
  return box
}
