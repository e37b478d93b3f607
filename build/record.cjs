// Loaded before dist/cli/main.js by the build: when the program has ended well, writes V8's compiled form of it.
const { writeFileSync } = require('node:fs')
const { dirname, join } = require('node:path')
const vm = require('node:vm')

let script
vm.Script = class extends vm.Script {
  constructor(...given) {
    super(...given)
    script = this
  }
}

process.on('exit', (code) => {
  if (code !== 0) return
  const name = `app-${process.version}-${process.platform}-${process.arch}.cache`
  writeFileSync(join(dirname(process.argv[1]), name), script.createCachedData())
})
