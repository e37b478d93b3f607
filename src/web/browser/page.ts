import { startCopying } from './copy.ts'
import { startLive } from './live.ts'
import { startSearch } from './search.ts'
import { startTimes } from './times.ts'

// The pages work without this script. It adds the choice of a zone, copying, the search while a person types, and
// updates.
document.documentElement.classList.add('scripted')
startTimes()
startCopying()
startSearch()
startLive()
