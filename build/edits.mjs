// Edits of the libraries in the bundle. Each text in `from` loads a library or a part of Node that a run does not use.
// No edit changes the behaviour. The build fails if a text is not found. In that case, check whether its edit is still
// needed.
import { readFile } from 'node:fs/promises'

const SDK = '@smithy/core/dist-es/submodules'

const EDITS = [
  {
    // This avoids luxon. We use cron-parser only to parse, so it makes a luxon date from the given one and does not use
    // it. Any other use of luxon would fail, and the expression would be refused.
    file: 'cron-parser/dist/CronDate.js',
    from: 'require("luxon")',
    to: "{ DateTime: { fromJSDate: () => ({ isValid: true, zoneName: 'UTC' }) } }",
  },
  {
    // This avoids Node's module loader, which yargs-parser uses for JSON files of settings. We have no such files.
    file: 'yargs-parser/build/lib/index.js',
    from: 'createRequire ? createRequire(import.meta.url) : undefined',
    to: 'undefined',
  },
  {
    // This avoids Node's web streams, which the SDK loads only to check that an answer of node:http is not one.
    file: `${SDK}/serde/util-stream/stream-type-check.js`,
    from: /typeof ReadableStream === "function" &&\s*\(stream\?\.constructor\?\.name === ReadableStream\.name \|\| stream instanceof ReadableStream\)/,
    to: 'stream?.constructor?.name === "ReadableStream"',
  },
  {
    // This avoids TLS, which the SDK loads only to check the class of an agent. It also accepts any agent with
    // `destroy`.
    file: '@smithy/node-http-handler/dist-es/node-http-handler.js',
    from: 'httpsAgent instanceof node_https.Agent || ',
    to: '',
  },
  {
    // This avoids a version warning, for which the SDK creates an error with a stack. src/cli/main.ts discards it.
    file: '@aws-sdk/core/dist-es/submodules/client/emitWarningIfUnsupportedVersion.js',
    from: 'version && !state.warningEmitted',
    to: 'false',
  },
  {
    // This and the next two edits avoid Web Crypto, which the SDK loads only for a random id.
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
    // This avoids zlib, which the SDK loads for a checksum. The SDK has its own function for a Node 20 without it.
    file: `${SDK}/checksum/crc32/Crc32Node.js`,
    from: 'typeof zlib.crc32 === "function" ? zlib.crc32 : undefined',
    to: 'undefined',
  },
  {
    // This avoids node:fs/promises and the modules behind it. The SDK only reads two small files, which seldom exist.
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
