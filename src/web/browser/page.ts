import { startCopying } from './copy.ts'
import { startFilling } from './fill.ts'
import { startLive } from './live.ts'
import { startSearch } from './search.ts'
import { startTimes } from './times.ts'

// The pages work without this script. It adds the choice of a zone, copying, fields, the search while a person
// types, and updates.
document.documentElement.classList.add('scripted')
startTimes()
startCopying()
startFilling()
startSearch()
startLive()
