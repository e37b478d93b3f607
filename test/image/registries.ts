import { execFile, spawn } from 'node:child_process'
import { createReadStream, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Server {
  readonly host: string
  stop(): void
}

async function startProgram(command: string, args: string[], isReady: RegExp): Promise<() => void> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: string[] = []
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      createInterface(stream).on('line', (line) => {
        lines.push(line)
        if (isReady.test(line)) resolve()
      })
    child.on('close', () => reject(new Error(`${command} ended:\n${lines.join('\n')}`)))
  })
  return () => void child.kill()
}

async function freeHost(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.on('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return `127.0.0.1:${port}`
}

/** An npm registry that has what is published to it, and gets all other packages from the registry of this machine. */
export async function startNpmRegistry(folder: string): Promise<Server> {
  mkdirSync(folder)
  // node-fetch@cjs, which one of its packages asks for, is not in every registry.
  const overrides = { 'node-fetch': '2' }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ dependencies: { verdaccio: '6.8.0' }, overrides }))
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  await run('npm', ['install', '--prefix', folder, ...options], { cwd: folder })
  const upstream = (await run('npm', ['config', 'get', 'registry'])).stdout.trim()
  const config = join(folder, 'config.yaml')
  const host = await freeHost()
  const settings = {
    storage: join(folder, 'storage'),
    uplinks: { upstream: { url: upstream, timeout: '120s' } },
    packages: { cronledger: { access: '$all', publish: '$all' }, '**': { access: '$all', proxy: 'upstream' } },
    log: { type: 'stdout', format: 'pretty', level: 'warn' },
  }
  writeFileSync(config, JSON.stringify(settings))
  const program = join(folder, 'node_modules/verdaccio/bin/verdaccio')
  const stop = await startProgram(process.execPath, [program, '--config', config, '--listen', host], /http address/)
  return { host, stop }
}

/** A registry of images: Debian's docker-registry, which is unpacked and not installed, so that no daemon starts. */
export async function startImageRegistry(folder: string): Promise<Server> {
  mkdirSync(folder)
  await run('apt-get', ['-qq', '-o', 'APT::Sandbox::User=root', 'download', 'docker-registry'], { cwd: folder })
  await run('dpkg', ['-x', ...readdirSync(folder), '.'], { cwd: folder })
  const host = await freeHost()
  const settings = {
    version: '0.1',
    storage: { filesystem: { rootdirectory: join(folder, 'storage') } },
    http: { addr: host },
  }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(settings))
  const program = join(folder, 'usr/bin/docker-registry')
  const stop = await startProgram(program, ['serve', join(folder, 'config.json')], /listening on/)
  return { host, stop }
}

export async function startFileServer(folder: string): Promise<Server> {
  const server = createServer(({ url = '/' }, response) => {
    createReadStream(join(folder, basename(url)))
      .on('error', () => response.writeHead(404).end())
      .pipe(response)
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.on('listening', resolve))
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, stop: () => void server.close() }
}
