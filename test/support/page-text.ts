const BLOCKS =
  /<\/(?:p|h\d|li|tr|section|nav|a|dt|dd|option|label|button|ul|caption|figcaption|table|ol|text|summary)>/g

/** The text of a page, with a line for each block, and with what a screen reader says of an element in brackets. */
function textOf(html: unknown): string {
  return String(html)
    .replace(/<[^>]*? aria-label="([^"]*)"[^>]*>/g, '[$1] ')
    .replace(BLOCKS, '\n')
    .replace(/<\/?mark[^>]*>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/&quot;/g, '"')
    .replace(/&#39;/g, "'")
    .replace(/&lt;/g, '<')
    .replace(/[ \t]+/g, ' ')
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
    .join('\n')
}

/** Returns the texts of several pages, each below its name. */
export function pageTexts(pages: Readonly<Record<string, unknown>>): string {
  return Object.entries(pages)
    .map(([name, html]) => `== ${name}\n\n${(Array.isArray(html) ? html : [html]).map(textOf).join('\n')}\n`)
    .join('\n')
}
