import { startCopying } from './copy.ts'
import { startHints } from './hint.ts'
import { startLive } from './live.ts'
import { startReturn } from './return.ts'
import { startRoving } from './roving.ts'

// The pages work without this script. It adds the arrow keys, hints, the return of the focus, copying, and updates.
document.documentElement.classList.add('scripted')
startRoving()
startHints()
startReturn()
startCopying()
startLive()
