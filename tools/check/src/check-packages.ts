/**
 * What users will install, tried as they would: every package is packed, looked over by publint
 * and attw, installed from its tarball into an empty folder, and imported; then the program of the
 * facade's README runs there, and a second copy of it joins the first.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { snippetsOf } from './snippets.ts'
import { SourceTree } from './source-tree.ts'
import { run } from './stage.ts'

const root = join(import.meta.dirname, '../../..')
const scratch = mkdtempSync(join(tmpdir(), 'nodosum-packages-'))
const tarballs = join(scratch, 'tarballs')
const project = join(scratch, 'project')
let failures = 0

function report(what: string, isGood: boolean, details = ''): void {
  process.stdout.write(`${isGood ? 'ok  ' : 'FAIL'} ${what}\n`)
  if (isGood) return
  process.stdout.write(`${details.trimEnd()}\n`)
  failures += 1
}

async function program(
  what: string,
  command: string,
  args: readonly string[],
  cwd = root,
): Promise<boolean> {
  const { code, output } = await run(command, args, { quiet: true, cwd })
  report(what, code === 0, output)
  return code === 0
}

interface Manifest {
  readonly name: string
  readonly exports: Readonly<Record<string, unknown>>
}

const tree = new SourceTree(root)
const manifests = new Map(
  tree.packages.map((folder) => {
    const text = tree.read(`packages/${folder}/package.json`)
    return [folder, JSON.parse(text) as Manifest]
  }),
)

mkdirSync(tarballs)
mkdirSync(project)
try {
  for (const [folder, { name }] of manifests) {
    const path = join(root, 'packages', folder)
    await program(`publint ${name}`, 'publint', [path, '--strict', '--pack', 'pnpm'])
    await program(`pack ${name}`, 'pnpm', ['pack', '--pack-destination', tarballs], path)
  }
  const files = readdirSync(tarballs).map((file) => join(tarballs, file))
  for (const file of files) {
    const name = file.slice(tarballs.length + 1)
    await program(`attw ${name}`, 'attw', [file, '--profile', 'esm-only', '--no-color'])
  }

  writeFileSync(join(project, 'package.json'), '{ "private": true }')
  const install = ['install', '--no-audit', '--no-fund', '--loglevel=error', ...files]
  if (await program('install the tarballs into an empty folder', 'npm', install, project)) {
    for (const { name, exports } of manifests.values()) {
      for (const entry of Object.keys(exports)) await importEntry(name + entry.slice(1))
    }
    await runReadme()
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
process.stdout.write(failures === 0 ? 'packages: all good\n' : `packages: ${failures} failed\n`)
process.exitCode = failures === 0 ? 0 : 1

/** An entry loads with `import`, and with `require`, as Node 22 lets CommonJS users do. */
async function importEntry(specifier: string): Promise<void> {
  const script = `
    const required = require('${specifier}')
    import('${specifier}').then((imported) => {
      if (Object.keys(imported).length === 0) throw new Error('exports nothing')
      if (Object.keys(imported).join() !== Object.keys(required).join()) throw new Error('differs')
    })`
  await program(`import and require ${specifier}`, 'node', ['--eval', script], project)
}

async function runReadme(): Promise<void> {
  const page = 'packages/nodosum/README.md'
  const [snippet] = snippetsOf(tree).filter(({ file }) => file === page)
  if (snippet === undefined) {
    report(`the program of ${page}`, false, 'there is none')
    return
  }
  writeFileSync(join(project, 'app.mts'), snippet.code)
  const first = startCopy()
  const isAlone = await first.prints('members: 1')
  const second = startCopy()
  const copies = [first, second]
  const seen = await Promise.all(copies.map((copy) => copy.prints('members: 2')))
  report(
    `the program of ${page} runs, and a second copy joins it`,
    isAlone && seen.every(Boolean),
    `first copy:\n${first.output()}\nsecond copy:\n${second.output()}`,
  )
  const ends = await Promise.all(copies.map((copy) => copy.stop()))
  report('both copies drain and end on SIGTERM', ends.join() === 'SIGTERM,SIGTERM', ends.join())
}

interface Copy {
  /** Whether it has printed the text within 30 s. */
  prints(text: string): Promise<boolean>
  output(): string
  stop(): Promise<string>
}

function startCopy(): Copy {
  const child = spawn('node', ['app.mts'], {
    cwd: project,
    // Its development directory must not be that of the person who runs the tests.
    env: { ...process.env, HOME: scratch, TMPDIR: scratch, XDG_STATE_HOME: scratch },
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  const ended = new Promise<string>((resolve) => {
    child.on('exit', (code, signal) => resolve(signal === null ? `exit ${code}` : signal))
  })
  return {
    output: () => output,
    async prints(text) {
      const isOver = AbortSignal.timeout(30_000)
      while (!output.includes(text) && child.exitCode === null && !isOver.aborted) {
        await Promise.race([once(child.stdout, 'data'), once(isOver, 'abort'), ended])
      }
      return output.includes(text)
    },
    async stop() {
      const timer = setTimeout(() => child.kill('SIGKILL'), 15_000)
      child.kill('SIGTERM')
      const how = await ended
      clearTimeout(timer)
      return how
    },
  }
}
