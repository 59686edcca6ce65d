import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'

/** The modules of a member process, its program first. */
const modules = ['member-process', 'view-ledger']

/**
 * Writes the program of a member process as JavaScript and returns its path: what strips types at
 * run time would be weighed with it, and takes 30 MiB.
 */
export function plainProgram(): string {
  const directory = join(import.meta.dirname, '../../dist')
  mkdirSync(directory, { recursive: true })
  const written = modules.map((name) => {
    const source = readFileSync(join(import.meta.dirname, `${name}.ts`), 'utf8')
    const file = join(directory, `${name}.js`)
    writeFileSync(file, stripTypeScriptTypes(source).replaceAll(".ts'", ".js'"))
    return file
  })
  return written[0] ?? ''
}
