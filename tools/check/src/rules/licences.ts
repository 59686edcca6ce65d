import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import type { Problem, Rule } from '../rule.ts'
import type { SourceTree } from '../source-tree.ts'

/** Licences that an Apache-2.0 library may depend on without asking anybody. */
const accepted = new Set([
  'Apache-2.0',
  'MIT',
  'MIT-0',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'CC0-1.0',
  'Unlicense',
  'BlueOak-1.0.0',
  'Python-2.0',
  'CC-BY-4.0',
  '(MIT OR CC0-1.0)',
  '(BSD-2-Clause OR MIT OR Apache-2.0)',
])

interface Manifest {
  readonly name?: string
  readonly version?: string
  readonly license?: string
  readonly private?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** What the published packages pull in, all the way down, is under a permissive licence. */
export const licences: Rule = { name: 'licences of dependencies', check }

function check(tree: SourceTree): Problem[] {
  const problems: Problem[] = []
  for (const name of tree.packages) {
    const folder = join(tree.root, 'packages', name)
    const file = `packages/${name}/package.json`
    if (manifestOf(folder)?.license !== 'Apache-2.0') {
      problems.push({ file, message: '"license" must be "Apache-2.0"' })
    }
    const seen = new Set<string>()
    visit(folder, seen, (manifest) => {
      const licence = manifest.license ?? 'none stated'
      if (accepted.has(licence)) return
      const message = `pulls in ${manifest.name}@${manifest.version}, licence: ${licence}`
      problems.push({ file, message })
    })
  }
  return problems
}

function visit(folder: string, seen: Set<string>, report: (manifest: Manifest) => void): void {
  const real = realpathSync(folder)
  if (seen.has(real)) return
  seen.add(real)
  const manifest = manifestOf(real)
  if (manifest === undefined) return
  report(manifest)
  const names = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })
  for (const name of names) {
    const found = resolve(real, name)
    // Optional packages of other platforms are not installed here.
    if (found !== undefined) visit(found, seen, report)
  }
}

/** Where Node would find a package, looked up from the folder that asks for it. */
function resolve(from: string, name: string): string | undefined {
  const parts = from.split('/')
  for (let length = parts.length; length > 0; length--) {
    const folder = join(parts.slice(0, length).join('/') || '/', 'node_modules', name)
    if (existsSync(folder)) return folder
  }
  return undefined
}

function manifestOf(folder: string): Manifest | undefined {
  const file = join(folder, 'package.json')
  if (!existsSync(file) || !readdirSync(folder).includes('package.json')) return undefined
  return JSON.parse(readFileSync(file, 'utf8')) as Manifest
}
