import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Rule } from '../src/rule.ts'
import { SourceTree } from '../src/source-tree.ts'

/** A checkout made of these files, gone when the test ends. */
export function plantedTree(files: Readonly<Record<string, string>>): SourceTree {
  const root = mkdtempSync(join(tmpdir(), 'nodosum-planted-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), text)
  }
  return new SourceTree(root)
}

/** What a rule says about planted files: `file:line message` of each problem. */
export function problemsOf(rule: Rule, files: Readonly<Record<string, string>>): string[] {
  return rule
    .check(plantedTree(files))
    .map(({ file, line, message }) => `${file}${line === undefined ? '' : `:${line}`} ${message}`)
}
