#!/usr/bin/env node
// Installs the workspace when it has to, then runs a command on the pinned Node.
// No dependencies: it must run on a fresh clone with nothing but Node 20 and npm.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(fileURLToPath(import.meta.url))
const modules = join(root, 'node_modules')
const bin = join(modules, '.bin')
const stampFile = join(modules, '.nodosum-install')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const pins = manifest.devDependencies
const say = (text) => process.stderr.write(`nodosum: ${text}\n`)

/** Every file that decides what an install gives. */
function manifests() {
  const parents = ['packages', 'apps', 'tools'].filter((name) => existsSync(join(root, name)))
  const folders = parents.flatMap((parent) =>
    readdirSync(join(root, parent)).map((name) => join(parent, name)),
  )
  return ['.', ...folders, 'benchmarks', 'chaos', 'docs']
    .map((folder) => join(folder, 'package.json'))
    .concat('pnpm-lock.yaml', 'pnpm-workspace.yaml')
    .filter((file) => existsSync(join(root, file)))
    .sort()
}

function wantedStamp() {
  const hash = createHash('sha256').update(process.platform + process.arch)
  for (const file of manifests()) hash.update(file).update(readFileSync(join(root, file)))
  return hash.digest('hex')
}

function pinnedNodeRuns() {
  const result = spawnSync(join(bin, 'node'), ['--version'], { encoding: 'utf8' })
  return result.status === 0 && result.stdout.trim() === `v${pins.node}`
}

function installIsCurrent(stamp) {
  return existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp && pinnedNodeRuns()
}

/** One install at a time: two of them in one folder spoil each other. */
function whileLocked(work) {
  const lock = join(root, '.nodosum', 'installing')
  const owner = join(lock, 'pid')
  mkdirSync(dirname(lock), { recursive: true })
  for (let waits = 0; ; waits++) {
    try {
      mkdirSync(lock)
      break
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (waits === 0) say('another install is under way here; waiting for it')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
    // Whoever was killed left its lock behind, within 10 s of its making perhaps without an owner.
    const isOwned = existsSync(owner) ? isAlive(Number(readFileSync(owner, 'utf8'))) : waits < 50
    if (!isOwned) rmSync(lock, { recursive: true, force: true })
  }
  writeFileSync(owner, String(process.pid))
  const release = () => rmSync(lock, { recursive: true, force: true })
  process.once('exit', release)
  work()
  process.removeListener('exit', release)
  release()
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function install(stamp) {
  // pnpm does not repair a broken .bin/node, so an install that lost its Node starts over.
  if (existsSync(modules) && !pinnedNodeRuns()) rmSync(modules, { recursive: true, force: true })
  say(`installing with pnpm ${pins.pnpm} (once, and after a change of dependencies)`)
  const started = Date.now()
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const pnpm = `--package=pnpm@${pins.pnpm}`
  const result = spawnSync(
    npm,
    ['exec', '--yes', pnpm, '--', 'pnpm', 'install', '--frozen-lockfile', '--reporter=append-only'],
    {
      cwd: root,
      stdio: ['ignore', 2, 2],
      env: { ...process.env, npm_config_node_options: '' },
      shell: process.platform === 'win32',
    },
  )
  if (result.status !== 0) {
    say(
      'the install failed; what pnpm printed above says why. It needs npm and the npm registry, ' +
        'and a pnpm-lock.yaml that matches the manifests.',
    )
    process.exit(result.status ?? 1)
  }
  if (!pinnedNodeRuns()) {
    say(`node_modules/.bin/node is not Node ${pins.node}; remove node_modules and try again`)
    process.exit(1)
  }
  writeFileSync(stampFile, stamp)
  say(`installed in ${((Date.now() - started) / 1000).toFixed(1)} s`)
}

const [command, ...commandArguments] = process.argv.slice(2)
const stamp = wantedStamp()
if (!installIsCurrent(stamp)) {
  whileLocked(() => {
    // Whoever had the lock may have done it.
    if (!installIsCurrent(stamp)) install(stamp)
  })
}
if (command === undefined) process.exit(0)

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  // Before the command starts: a signal in between would end this process and leave it running.
  process.on(signal, () => {
    // A terminal already sends SIGINT to the whole group; a supervisor signals only this process.
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
  })
}
const child = spawn(command, commandArguments, {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` },
  shell: process.platform === 'win32',
})
child.on('error', (error) => {
  say(`cannot run ${command}: ${error.message}`)
  process.exit(1)
})
child.on('exit', (code, signal) => {
  if (signal !== null) {
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  } else process.exit(code ?? 1)
})
