import { existsSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import ts from 'typescript'
import type { Problem, Rule } from '../rule.ts'
import type { SourceTree } from '../source-tree.ts'

/** Every file under `core/` and `wire/` is compiled without Node's types, so purity is typed too. */
export const coreTsconfig: Rule = {
  name: 'core/ and wire/ in tsconfig.core.json',
  check: (tree) => tree.packages.flatMap((name) => checkPackage(tree, name)),
}

function checkPackage(tree: SourceTree, name: string): Problem[] {
  const pure = tree.packageSources.filter(
    (file) => file.startsWith(`packages/${name}/`) && /\/src\/(core|wire)\//.test(file),
  )
  if (pure.length === 0) return []
  const file = `packages/${name}/tsconfig.core.json`
  const path = join(tree.root, file)
  if (!existsSync(path)) return [{ file, message: `missing, but ${pure[0]} has to be in it` }]
  const { config, error } = ts.readConfigFile(path, ts.sys.readFile)
  if (error !== undefined) {
    return [{ file, message: ts.flattenDiagnosticMessageText(error.messageText, ' ') }]
  }
  const parsed = ts.parseJsonConfigFileContent(config, ts.sys, dirname(path))
  const problems: Problem[] = []
  if (parsed.options.types === undefined || parsed.options.types.length > 0) {
    problems.push({ file, message: '"types" must be [], else Node globals type-check' })
  }
  if ((parsed.options.lib ?? []).some((lib) => !/^lib\.es2024\.d\.ts$/i.test(lib))) {
    problems.push({ file, message: '"lib" must be ["ES2024"]' })
  }
  const included = new Set(parsed.fileNames.map((path) => relative(tree.root, path)))
  for (const missing of pure.filter((path) => !included.has(path))) {
    problems.push({ file: missing, message: `is not included by ${file}` })
  }
  return problems
}
