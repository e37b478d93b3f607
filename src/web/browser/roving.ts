/** Arrow keys among the links of a grid: of thousands, the Tab key stops at a few only. */
export function startRoving(): void {
  document.addEventListener('keydown', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null
    const grid = link?.closest('[data-roving]')
    if (!link || !grid || event.altKey || event.metaKey) return
    const next = nextOf(event, link, grid)
    if (next === undefined) return
    event.preventDefault()
    link.tabIndex = -1
    next.tabIndex = 0
    next.focus()
  })
}

function nextOf(
  { key, ctrlKey }: KeyboardEvent,
  link: HTMLAnchorElement,
  grid: Element,
): HTMLAnchorElement | undefined {
  const row = link.closest('tr')
  if (row === null) return undefined
  // A table is walked row by row; the days of a calendar go on from month to month.
  const line = linksIn(grid instanceof HTMLTableElement ? row : grid)
  const index = line.indexOf(link)
  switch (key) {
    case 'ArrowLeft':
      return line[index - 1]
    case 'ArrowRight':
      return line[index + 1]
    case 'Home':
      return ctrlKey ? linksIn(grid)[0] : linksIn(row)[0]
    case 'End':
      return (ctrlKey ? linksIn(grid) : linksIn(row)).at(-1)
    case 'ArrowUp':
      return inRow(link, row, grid, -1)
    case 'ArrowDown':
      return inRow(link, row, grid, 1)
    default:
      return undefined
  }
}

/** The links that are shown: a narrow screen leaves the oldest slots out. */
function linksIn(element: Element): HTMLAnchorElement[] {
  return [...element.querySelectorAll('a')].filter((link) => link.offsetParent !== null)
}

/** The link in the nearest row above or below, in the same column. */
function inRow(link: HTMLAnchorElement, row: Element, grid: Element, step: 1 | -1): HTMLAnchorElement | undefined {
  const rows = [...grid.querySelectorAll('tr')]
  const at = columnOf(link)
  for (let index = rows.indexOf(row as HTMLTableRowElement) + step; ; index += step) {
    const other = rows[index]
    if (other === undefined) return undefined
    const links = linksIn(other).map((one) => ({ one, distance: Math.abs(columnOf(one) - at) }))
    const nearest = links.sort((left, right) => left.distance - right.distance)[0]
    if (nearest !== undefined) return nearest.one
  }
}

function columnOf(link: HTMLAnchorElement): number {
  const { left, width } = link.getBoundingClientRect()
  return left + width / 2 - (link.closest('table')?.getBoundingClientRect().left ?? 0)
}
