import { factLines } from './facts.ts'

/**
 * How long the pointer must rest before the popover follows it, in milliseconds. It may cross other slots on its way into
 * the popover, and a popover that follows each move would flicker.
 */
const REST_MS = 150
/** The elements that have a popover: the tile of a slot, and the bar of a plot. */
const OWNERS = 'main :is(a.c[aria-label], [data-facts])'

/**
 * Shows the facts of the slot under the pointer or the focus, beside it. Screen readers read the label of the cell
 * instead, which says the same.
 */
export function startPopover(): void {
  const popover = document.createElement('div')
  popover.id = 'popover'
  popover.hidden = true
  popover.setAttribute('aria-hidden', 'true')
  document.body.append(popover)
  let owner: Element | null = null
  let isFocus = false
  let pointed: EventTarget | null = null
  let timer = 0

  const hide = () => {
    clearTimeout(timer)
    owner = null
    popover.hidden = true
  }
  const show = (next: Element, byFocus: boolean) => {
    clearTimeout(timer)
    owner = next
    isFocus = byFocus
    popover.replaceChildren(contentOf(next))
    // The title of a bar says the same. Without the script, the browser shows it.
    next.querySelector('title')?.remove()
    popover.hidden = false
    place(popover, next)
  }

  // Not `pointerover`: it also comes when the arrow keys scroll the page under a pointer that does not move.
  document.addEventListener('pointermove', ({ target, pointerType }) => {
    if (target === pointed || !(target instanceof Element)) return
    pointed = target
    clearTimeout(timer)
    // A finger opens the link. It cannot point at something.
    if (pointerType === 'touch' || popover.contains(target)) return
    const next = target.closest(OWNERS)
    if (next !== null) timer = setTimeout(show, REST_MS, next, false)
    else if (!isFocus) timer = setTimeout(hide, REST_MS)
  })
  document.documentElement.addEventListener('pointerleave', () => {
    if (!isFocus) hide()
  })
  document.addEventListener('focusin', ({ target }) => {
    const next = target instanceof Element && target.matches(':focus-visible') ? target.closest(OWNERS) : null
    if (next === null) hide()
    else show(next, true)
  })
  document.addEventListener('focusout', hide)
  document.addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') hide()
  })
  const follow = () => {
    if (owner === null) return
    // The cell with the focus scrolls into sight when an arrow key reaches it. A pointer is over another cell by then.
    if (isFocus && owner.isConnected) place(popover, owner)
    else hide()
  }
  addEventListener('scroll', follow, { capture: true, passive: true })
  addEventListener('resize', follow)
  document.addEventListener('refreshed', () => {
    if (owner?.isConnected && owner.matches(OWNERS)) show(owner, isFocus)
    else hide()
  })
}

function contentOf(owner: Element): Element {
  const label = owner.getAttribute('data-facts') ?? owner.getAttribute('aria-label') ?? ''
  const box = document.createElement('div')
  box.append(
    ...factLines(label, [...owner.classList]).map(({ kind, text }, index) => {
      const line = document.createElement('p')
      line.append(index === 0 ? strong(text) : text)
      if (kind === 'status') line.prepend(signOf(owner))
      if (kind === 'local' || kind === 'utc') line.className = kind === 'local' ? 'local' : 'quiet'
      return line
    }),
  )
  return box
}

function strong(text: string): Element {
  const element = document.createElement('strong')
  element.textContent = text
  return element
}

/** Returns the tile of a cell, or the colour of a bar. */
function signOf(owner: Element): Element {
  const sign = document.createElement('span')
  sign.className = owner.getAttribute('class') ?? ''
  sign.classList.remove('day', 'rejected')
  sign.classList.add('c')
  sign.textContent = owner.matches('a') ? owner.textContent : ''
  return sign
}

/**
 * Puts the popover at a corner of its cell, where the window has room for it: below to the right, if possible. At a
 * corner it covers no neighbour in the row or the column, so a pointer can move along both.
 */
function place(popover: HTMLElement, owner: Element): void {
  const cell = owner.getBoundingClientRect()
  const { width, height } = popover.getBoundingClientRect()
  const { clientWidth, clientHeight } = document.documentElement
  // The transparent margin around the box reaches over the corner, so that the pointer gets across without a gap.
  const overlap = 4
  const right = cell.right - overlap
  const left = right + width <= clientWidth ? right : Math.max(0, cell.left + overlap - width)
  const below = cell.bottom - overlap
  const top = below + height <= clientHeight ? below : Math.max(0, cell.top + overlap - height)
  popover.style.left = `${left}px`
  popover.style.top = `${top}px`
}
