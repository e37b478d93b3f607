// Runs the batch on a thread that waits for it, so that its end is known (docs/development/decisions/0019). Both floors use it.
const { readFileSync } = require('node:fs')
const { Worker } = require('node:worker_threads')

const THREAD = `
const { parentPort, workerData: { gate, env } } = require('node:worker_threads')
const { spawn } = require('node:child_process')
parentPort.once('message', () => {
  const child = spawn('sh', ['-c', ': > "$BENCH_STARTED"'], { env, stdio: 'inherit', detached: true })
  child.once('exit', (code) => parentPort.postMessage({ code }))
  parentPort.postMessage({ pid: child.pid })
  Atomics.wait(gate, 0, 0)
})`

/** Starts the thread. Returns a function that runs the child on it, and lets it wait for the child when /proc says how it ended. */
exports.startThread = () => {
  const gate = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(THREAD, {
    eval: true,
    workerData: { gate, env: { ...process.env } },
    env: {},
    stdout: true,
    stderr: true,
  })
  return () => {
    let pid = null
    const look = () => {
      if (pid === null || !readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ')) return
      process.off('SIGCHLD', look)
      Atomics.store(gate, 0, 1)
      Atomics.notify(gate, 0)
    }
    process.on('SIGCHLD', look)
    return new Promise((resolve) => {
      worker.on('message', (message) => {
        if ('code' in message) return resolve(message.code)
        pid = message.pid
        look()
      })
      worker.postMessage(null)
    })
  }
}
