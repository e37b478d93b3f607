import { startCopying } from './copy.ts'
import { startHints } from './hint.ts'
import { startLive } from './live.ts'
import { startReturn } from './return.ts'
import { startRoving } from './roving.ts'

// The pages are whole without this script: it adds the arrow keys, the copying, the way back, and what is new.
document.documentElement.classList.add('scripted')
startRoving()
startHints()
startReturn()
startCopying()
startLive()
