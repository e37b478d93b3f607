// The build loads this file before dist/cli/main.js. If the program exits with 0, it writes V8's compiled form of each
// pack that the program used.
const { writeFileSync } = require('node:fs')
const { dirname, join } = require('node:path')
const vm = require('node:vm')
const { crc32 } = require('node:zlib')

const scripts = new Map()
vm.Script = class extends vm.Script {
  constructor(source, options) {
    super(source, options)
    scripts.set(options.filename, { script: this, sum: source.slice(2, 10) })
  }
}

process.on('exit', (code) => {
  if (code !== 0) return
  for (const [pack, { script, sum }] of scripts) {
    const data = script.createCachedData()
    const name = `${pack}-${process.version}-${process.platform}-${process.arch}.cache`
    writeFileSync(
      join(dirname(process.argv[1]), name),
      Buffer.concat([Buffer.from(sum + crc32(data).toString(16).padStart(8, '0')), data]),
    )
  }
})
