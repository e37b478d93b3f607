/** Returns the text of a page, with a line for each block, and with the name of an element for a screen reader in brackets. */
export function textOf(html: unknown): string {
  return String(html)
    .replace(/<a class="c [^>]* title="([^"]*)"[^>]*>/g, (_, name: string) => `[${name.replaceAll('\n', ' ')}] `)
    .replace(/<[^>]*? aria-label="([^"]*)"[^>]*>/g, '[$1] ')
    .replace(/<\/(?:p|h\d|li|tr|section|nav|a|dt|dd|option|label|button|ul|caption|figcaption|table|ol|text)>/g, '\n')
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
