import { spawn } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'

const bootstrap = join(import.meta.dirname, '../../../bootstrap.mjs')

/** A checkout whose npm is a script that notes its call and makes a `node` with this version. */
function checkout(nodeVersion = 'v24.21.0'): string {
  const root = mkdtempSync(join(tmpdir(), 'nodosum-bootstrap-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  copyFileSync(bootstrap, join(root, 'bootstrap.mjs'))
  const pins = { node: '24.21.0', pnpm: '12.21.0' }
  writeFileSync(join(root, 'package.json'), JSON.stringify({ devDependencies: pins }))
  writeFileSync(join(root, 'pnpm-lock.yaml'), 'a lockfile')
  script(join(root, 'fake/npm'), [
    'sleep 0.3',
    `echo "$@" >> ${root}/installs`,
    `mkdir -p ${root}/node_modules/.bin`,
    `printf '#!/bin/sh\\necho ${nodeVersion}\\n' > ${root}/node_modules/.bin/node`,
    `chmod +x ${root}/node_modules/.bin/node`,
    'test ! -e fails',
  ])
  return root
}

function script(file: string, lines: readonly string[]): void {
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, `#!/bin/sh\n${lines.join('\n')}\n`)
  chmodSync(file, 0o755)
}

interface Ended {
  readonly how: number | NodeJS.Signals
  readonly output: string
}

function run(
  root: string,
  args: readonly string[],
  onOutput?: (output: string, kill: (signal: NodeJS.Signals) => void) => void,
): Promise<Ended> {
  const child = spawn(process.execPath, ['bootstrap.mjs', ...args], {
    cwd: root,
    env: { ...process.env, PATH: `${join(root, 'fake')}${delimiter}${process.env.PATH}` },
  })
  let output = ''
  const hear = (chunk: Buffer): void => {
    output += chunk.toString()
    onOutput?.(output, (signal) => void child.kill(signal))
  }
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  return new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ how: signal ?? code ?? -1, output }))
  })
}

function installs(root: string): number {
  const file = join(root, 'installs')
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').length : 0
}

describe('bootstrap.mjs', () => {
  it('installs with the pinned pnpm and a frozen lockfile, then runs the command', async () => {
    const root = checkout()
    const { how, output } = await run(root, ['echo', 'it runs'])
    expect(output).toContain('it runs')
    expect(how).toBe(0)
    const call = readFileSync(join(root, 'installs'), 'utf8')
    expect(call).toContain('--package=pnpm@12.21.0')
    expect(call).toContain('install --frozen-lockfile')
  })

  it('does not install a second time', async () => {
    const root = checkout()
    await run(root, ['true'])
    const { how } = await run(root, ['true'])
    expect(how).toBe(0)
    expect(installs(root)).toBe(1)
  })

  it('installs once when two start at the same time', async () => {
    const root = checkout()
    const both = await Promise.all([run(root, ['echo', 'one']), run(root, ['echo', 'two'])])
    expect(both.map(({ how }) => how)).toEqual([0, 0])
    expect(installs(root)).toBe(1)
    expect(both.map(({ output }) => output).join()).toContain('waiting for it')
  })

  it('takes over from an install that was killed', async () => {
    const root = checkout()
    const lock = join(root, '.nodosum/installing')
    mkdirSync(lock, { recursive: true })
    const killed = spawn('true')
    await new Promise((resolve) => killed.once('exit', resolve))
    writeFileSync(join(lock, 'pid'), String(killed.pid))
    expect((await run(root, ['true'])).how).toBe(0)
    expect(installs(root)).toBe(1)
    expect(existsSync(lock)).toBe(false)
  })

  it('installs again when a manifest or the lockfile changes', async () => {
    const root = checkout()
    await run(root, ['true'])
    writeFileSync(join(root, 'pnpm-lock.yaml'), 'another lockfile')
    await run(root, ['true'])
    expect(installs(root)).toBe(2)
    mkdirSync(join(root, 'packages/new'), { recursive: true })
    writeFileSync(join(root, 'packages/new/package.json'), '{}')
    await run(root, ['true'])
    expect(installs(root)).toBe(3)
  })

  it('starts over when the installed Node does not run', async () => {
    const root = checkout()
    await run(root, ['true'])
    writeFileSync(join(root, 'node_modules/left-over'), '')
    rmSync(join(root, 'node_modules/.bin/node'))
    const { how } = await run(root, ['true'])
    expect(how).toBe(0)
    expect(installs(root)).toBe(2)
    expect(existsSync(join(root, 'node_modules/left-over'))).toBe(false)
  })

  it('fails, and says so, when the install fails or gives another Node', async () => {
    const broken = checkout()
    writeFileSync(join(broken, 'fails'), '')
    const failed = await run(broken, ['echo', 'it runs'])
    expect(failed.how).not.toBe(0)
    expect(failed.output).toContain('the install failed')
    expect(failed.output).not.toContain('it runs')
    const wrong = await run(checkout('v20.0.0'), ['echo', 'it runs'])
    expect(wrong.how).not.toBe(0)
    expect(wrong.output).toContain('is not Node 24.21.0')
  })

  it('passes the exit code of the command on', async () => {
    const { how } = await run(checkout(), ['sh', '-c', 'exit 7'])
    expect(how).toBe(7)
  })

  it('hands signals to the command, and ends as it does', async () => {
    const command = "trap 'echo heard; exit 3' TERM; echo up; while :; do sleep 0.05; done"
    let sent = false
    const { how, output } = await run(checkout(), ['sh', '-c', command], (soFar, kill) => {
      if (!sent && soFar.includes('up')) {
        sent = true
        kill('SIGTERM')
      }
    })
    expect(output).toContain('heard')
    expect(how).toBe(3)
  })
})
