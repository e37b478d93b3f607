export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/y

/** Reads gauges in the text format of OpenMetrics. Throws for a text that the format does not allow. */
export function parseOpenMetrics(text: string): readonly Sample[] {
  const lines = text.split('\n')
  if (lines.pop() !== '' || lines.pop() !== '# EOF') throw new Error('the text does not end with # EOF and a line end')
  const samples: Sample[] = []
  const seen = new Set<string>()
  const families = new Set<string>()
  let family = { name: '', kinds: new Set<string>(), hasSamples: false }
  for (const line of lines) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE|UNIT) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line) ?? []
    if (kind !== undefined) {
      if (name !== family.name) {
        if (families.has(name)) throw new Error(`the family ${name} is in two parts`)
        families.add(name)
        family = { name, kinds: new Set(), hasSamples: false }
      }
      if (family.hasSamples || family.kinds.has(kind)) throw new Error(`this line comes too late: ${line}`)
      family.kinds.add(kind)
      if (kind === 'TYPE' && rest !== 'gauge') throw new Error(`not a gauge: ${line}`)
      if (kind === 'UNIT' && !name.endsWith(`_${rest}`)) throw new Error(`the unit is not in the name: ${line}`)
      if (kind === 'HELP' && /["\\]/.test(rest)) throw new Error(`the help needs escapes: ${line}`)
      continue
    }
    const sample = parseSample(line)
    const key = JSON.stringify([sample.name, sample.labels])
    if (sample.name !== family.name || !family.kinds.has('TYPE')) throw new Error(`no type is given before: ${line}`)
    if (seen.has(key)) throw new Error(`this sample comes twice: ${line}`)
    seen.add(key)
    family.hasSamples = true
    samples.push(sample)
  }
  return samples
}

function parseSample(line: string): Sample {
  const [, name = '', inner = '', value = ''] =
    /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (-?\d+(?:\.\d+)?)$/.exec(line) ?? []
  if (name === '') throw new Error(`not a sample: ${line}`)
  const labels: Record<string, string> = {}
  for (LABEL.lastIndex = 0; LABEL.lastIndex < inner.length; ) {
    const at = LABEL.lastIndex
    const [, label = '', text = ''] = LABEL.exec(inner) ?? []
    if (label === '' || label in labels) throw new Error(`wrong labels at ${at}: ${line}`)
    labels[label] = text.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character))
  }
  return { name, labels, value: Number(value) }
}
