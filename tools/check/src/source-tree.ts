import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const skipped = new Set(['node_modules', 'dist', 'coverage', '.git', 'results'])

/** The files of a checkout that people write, as paths relative to its root, sorted. */
export class SourceTree {
  readonly root: string
  readonly files: readonly string[]

  constructor(root: string) {
    this.root = root
    this.files = walk(root, '').sort()
  }

  read(file: string): string {
    return readFileSync(join(this.root, file), 'utf8')
  }

  /** TypeScript sources of the published packages: `packages/<name>/src/...`. */
  get packageSources(): readonly string[] {
    return this.files.filter((file) => /^packages\/[^/]+\/src\/.*\.ts$/.test(file))
  }

  /** Names of the folders under `packages`. */
  get packages(): readonly string[] {
    const names = this.files.map((file) => /^packages\/([^/]+)\/package\.json$/.exec(file)?.[1])
    return names.filter((name) => name !== undefined)
  }
}

function walk(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : walk(root, path)
    return entry.isFile() ? [path] : []
  })
}
