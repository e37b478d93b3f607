// What is left out of the libraries in the bundle: each of these loads a part of Node, or a library, that a run makes no use
// of. All keep what the code does. A text that is not there any more fails the build: look whether its edit is still needed.
import { readFile } from 'node:fs/promises'

const SDK = '@smithy/core/dist-es/submodules'

const EDITS = [
  {
    // cron-parser makes a date of the one that we give it, and does nothing with it: it only parses here. Whatever else it
    // asked for would fail, and the expression be refused.
    file: 'cron-parser/dist/CronDate.js',
    from: 'require("luxon")',
    to: "{ DateTime: { fromJSDate: () => ({ isValid: true, zoneName: 'UTC' }) } }",
  },
  {
    // For files of settings in JSON, which we have none of: the loader of ES modules.
    file: 'yargs-parser/build/lib/index.js',
    from: 'createRequire ? createRequire(import.meta.url) : undefined',
    to: 'undefined',
  },
  {
    // To ask whether an answer of node:http is a web stream: all of the web's streams.
    file: `${SDK}/serde/util-stream/stream-type-check.js`,
    from: /typeof ReadableStream === "function" &&\s*\(stream\?\.constructor\?\.name === ReadableStream\.name \|\| stream instanceof ReadableStream\)/,
    to: 'stream?.constructor?.name === "ReadableStream"',
  },
  {
    // To ask an agent for its class: TLS. What has `destroy` is taken as well.
    file: '@smithy/node-http-handler/dist-es/node-http-handler.js',
    from: 'httpsAgent instanceof node_https.Agent || ',
    to: '',
  },
  {
    // A warning of Node's version, which src/cli/main.ts lets nobody hear: an error with its stack.
    file: '@aws-sdk/core/dist-es/submodules/client/emitWarningIfUnsupportedVersion.js',
    from: 'version && !state.warningEmitted',
    to: 'false',
  },
  {
    // For a random id: the web's cryptography.
    file: `${SDK}/serde/index.js`,
    from: 'bindV4(_getRandomValues)',
    to: 'randomUUID',
  },
  {
    file: `${SDK}/serde/index.js`,
    from: 'const _getRandomValues = getRandomValues;',
    to: '',
  },
  {
    file: `${SDK}/serde/index.js`,
    from: 'import { getRandomValues }',
    to: 'import { randomUUID }',
  },
  {
    // For a checksum that Node 20 may not have: zlib.
    file: `${SDK}/checksum/crc32/Crc32Node.js`,
    from: 'typeof zlib.crc32 === "function" ? zlib.crc32 : undefined',
    to: 'undefined',
  },
  {
    // To read two small files, which are seldom there: promises of files, with directories and readline.
    file: `${SDK}/config/shared-ini-file-loader/readFile.js`,
    from: 'import { readFile as fsReadFile } from "node:fs/promises";',
    to: 'import { readFileSync } from "node:fs"; const fsReadFile = async (...given) => readFileSync(...given);',
  },
]

export const edits = {
  name: 'edits',
  setup({ onLoad }) {
    for (const file of new Set(EDITS.map((edit) => edit.file))) {
      onLoad({ filter: new RegExp(`node_modules/${file.replaceAll('.', '\\.')}$`) }, async ({ path }) => {
        let contents = await readFile(path, 'utf8')
        for (const { from, to } of EDITS.filter((edit) => edit.file === file)) {
          const edited = contents.replace(from, to)
          if (edited === contents) throw new Error(`${file} has no ${from} any more`)
          contents = edited
        }
        return { contents }
      })
    }
  },
}
