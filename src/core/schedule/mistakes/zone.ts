import { isNear } from '../../near.ts'

/** Abbreviations and names of other systems, with the IANA names that they usually mean. */
const OTHER_ZONE_NAMES: Readonly<Record<string, string>> = {
  jst: 'Asia/Tokyo',
  kst: 'Asia/Seoul',
  hkt: 'Asia/Hong_Kong',
  sgt: 'Asia/Singapore',
  ist: 'Asia/Kolkata (or Europe/Dublin, Asia/Jerusalem)',
  ict: 'Asia/Bangkok',
  wib: 'Asia/Jakarta',
  pht: 'Asia/Manila',
  pkt: 'Asia/Karachi',
  gst: 'Asia/Dubai',
  msk: 'Europe/Moscow',
  bst: 'Europe/London (or Asia/Dhaka)',
  cest: 'Europe/Paris or Europe/Berlin',
  eest: 'Europe/Athens or Europe/Helsinki',
  west: 'Europe/Lisbon',
  sast: 'Africa/Johannesburg',
  eat: 'Africa/Nairobi',
  wat: 'Africa/Lagos',
  aest: 'Australia/Sydney (or Australia/Brisbane, without summer time)',
  aedt: 'Australia/Sydney',
  acst: 'Australia/Adelaide',
  awst: 'Australia/Perth',
  nzst: 'Pacific/Auckland',
  nzdt: 'Pacific/Auckland',
  ast: 'America/Halifax',
  adt: 'America/Halifax',
  et: 'America/New_York',
  edt: 'America/New_York',
  ct: 'America/Chicago',
  cst: 'America/Chicago (or Asia/Shanghai)',
  cdt: 'America/Chicago',
  mt: 'America/Denver',
  mdt: 'America/Denver',
  pt: 'America/Los_Angeles',
  pst: 'America/Los_Angeles',
  pdt: 'America/Los_Angeles',
  akst: 'America/Anchorage',
  brt: 'America/Sao_Paulo',
  z: 'UTC',
  'tokyo standard time': 'Asia/Tokyo',
  'china standard time': 'Asia/Shanghai',
  'india standard time': 'Asia/Kolkata',
  'gmt standard time': 'Europe/London',
  'w. europe standard time': 'Europe/Berlin',
  'romance standard time': 'Europe/Paris',
  'eastern standard time': 'America/New_York',
  'central standard time': 'America/Chicago',
  'mountain standard time': 'America/Denver',
  'pacific standard time': 'America/Los_Angeles',
  eastern: 'America/New_York',
  pacific: 'America/Los_Angeles',
}

/** Large cities that are not IANA names, with the name for their clocks. */
const CITIES: Readonly<Record<string, string>> = {
  osaka: 'Asia/Tokyo',
  beijing: 'Asia/Shanghai',
  shenzhen: 'Asia/Shanghai',
  mumbai: 'Asia/Kolkata',
  delhi: 'Asia/Kolkata',
  new_delhi: 'Asia/Kolkata',
  bangalore: 'Asia/Kolkata',
  hanoi: 'Asia/Ho_Chi_Minh',
  frankfurt: 'Europe/Berlin',
  munich: 'Europe/Berlin',
  hamburg: 'Europe/Berlin',
  geneva: 'Europe/Zurich',
  milan: 'Europe/Rome',
  barcelona: 'Europe/Madrid',
  manchester: 'Europe/London',
  edinburgh: 'Europe/London',
  boston: 'America/New_York',
  washington: 'America/New_York',
  miami: 'America/New_York',
  atlanta: 'America/New_York',
  dallas: 'America/Chicago',
  houston: 'America/Chicago',
  seattle: 'America/Los_Angeles',
  san_francisco: 'America/Los_Angeles',
  canberra: 'Australia/Sydney',
  wellington: 'Pacific/Auckland',
}

const OFFSET = /^(?:utc|gmt)?([+-])(\d{1,2}):?(\d{2})?$/i

/**
 * Returns what to write instead of a text that is not an IANA name of a time zone. `isZone` returns whether a text is
 * one.
 */
export function zoneAdvice(text: string, isZone: (name: string) => boolean): string {
  const name = text.trim().replace(/^["':]+|["']+$/g, '')
  if (isZone(name)) return `Use ${name}, without white space or quotation marks around it.`
  if (name === '') return 'Use an IANA name such as "Asia/Tokyo", "America/New_York" or "UTC".'
  if (/^(?:local|localtime|system|host)$/i.test(name)) {
    return 'Use the IANA name of the zone, such as "Asia/Tokyo", because hosts can have different zones.'
  }
  const offset = OFFSET.exec(name)
  if (offset !== null) return offsetAdvice(offset)
  const meant = zoneMeantBy(name)
  if (meant !== null) return `Use ${meant}.`
  return 'Use an IANA name such as "Asia/Tokyo", "America/New_York" or "UTC".'
}

/** An offset is not a zone, but IANA has names for whole hours. Their signs are those of POSIX, which are reversed. */
function offsetAdvice([, sign = '', hours = '', minutes = '00']: readonly string[]): string {
  const hour = Number(hours)
  const usual = 'Use the IANA name of the zone, such as "Asia/Tokyo"'
  if (hour === 0 && Number(minutes) === 0) return 'Use UTC.'
  if (Number(minutes) !== 0 || hour > (sign === '+' ? 14 : 12)) return `${usual}.`
  return `${usual}. For an offset that never changes, use Etc/GMT${sign === '+' ? '-' : '+'}${hour} (its sign is reversed).`
}

/** Returns the IANA name that the user probably meant, or null. */
export function zoneMeantBy(text: string): string | null {
  const name = text.toLowerCase().replaceAll(' ', '_')
  const city = name.replace(/^.*\//, '')
  // POSIX writes an abbreviation with its offset: JST-9.
  const abbreviation = text.toLowerCase().replace(/(?<=^[a-z]{3,4})[+-]?\d{1,2}$/, '')
  const other = OTHER_ZONE_NAMES[abbreviation] ?? CITIES[Object.keys(CITIES).find((known) => isNear(known, city)) ?? '']
  if (other !== undefined) return other
  const names = Intl.supportedValuesOf('timeZone')
  return (
    names.find((zone) => zone.toLowerCase() === name) ??
    names.find((zone) => zone.toLowerCase().replace(/^.*\//, '') === city) ??
    names.find((zone) => isNear(zone.toLowerCase(), name)) ??
    names.find((zone) => isNear(zone.toLowerCase().replace(/^.*\//, ''), name)) ??
    null
  )
}
