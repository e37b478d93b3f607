import { spawnSync } from 'node:child_process'
import { quickAddJob, runOnce } from 'graphile-worker'

const { BENCH_PLACE, BENCH_KEY } = process.env
const connectionString = `postgres:///postgres?host=${BENCH_PLACE}&user=bench`
const batch = () => {
  spawnSync('sh', ['-c', ': > "$BENCH_STARTED"'], { stdio: 'inherit' })
}
await quickAddJob({ connectionString }, 'batch', {}, { jobKey: BENCH_KEY })
await runOnce({ connectionString, taskList: { batch }, noHandleSignals: true })
process.exit()
