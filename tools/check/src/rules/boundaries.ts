import { builtinModules } from 'node:module'
import ts from 'typescript'
import type { Problem, Rule } from '../rule.ts'
import type { SourceTree } from '../source-tree.ts'

/** What a package may import from the workspace besides `@nodosum/kernel`, and why. */
const extraEdges: Readonly<Record<string, readonly string[]>> = {
  // A contract that exists to be implemented many times.
  'transport-h2': ['transport'],
  'transport-quic': ['transport'],
}
/** The facade composes every layer, so it may import all of them. */
const facade = 'nodosum'
const builtins = new Set(builtinModules)

/**
 * How layers meet: a layer imports the kernel and no other layer; only `adapters/` import `node:`
 * or third parties (zod also in options); `core/` and `wire/` import neither, nor driver code.
 */
export const boundaries: Rule = {
  name: 'package boundaries',
  check: (tree) => tree.packageSources.flatMap((file) => checkFile(tree, file)),
}

function checkFile(tree: SourceTree, file: string): Problem[] {
  const [, layer = '', , part = ''] = file.split('/')
  const text = tree.read(file)
  const problems: Problem[] = []
  for (const { fileName, pos } of ts.preProcessFile(text, true, true).importedFiles) {
    const line = text.slice(0, pos).split('\n').length
    const message = wrongImport(layer, part, file, fileName)
    if (message !== undefined) problems.push({ file, line, message })
  }
  return problems
}

function wrongImport(
  layer: string,
  part: string,
  file: string,
  specifier: string,
): string | undefined {
  const isPure = part === 'core' || part === 'wire'
  if (specifier.startsWith('.')) {
    return isPure && /\/(driver|adapters)\//.test(specifier)
      ? `${part}/ is pure and may not import ${specifier}`
      : undefined
  }
  const workspaceName = /^@nodosum\/([^/]+)/.exec(specifier)?.[1]
  if (workspaceName !== undefined || specifier === 'nodosum') {
    const target = workspaceName ?? facade
    if (target === 'kernel') {
      return isPure && specifier !== '@nodosum/kernel'
        ? `${part}/ may import only the pure entry "@nodosum/kernel", not "${specifier}"`
        : undefined
    }
    const allowed = layer === facade || extraEdges[layer]?.includes(target) === true
    return allowed && !isPure
      ? undefined
      : `a layer meets others through its ports.ts; "${layer}" may not import "${specifier}"`
  }
  if (part === 'adapters') return undefined
  if (specifier === 'zod' && (/(^|\/)options(\.ts$|\/)/.test(file) || layer === facade)) {
    return isPure ? `${part}/ may not import zod` : undefined
  }
  const isNode = specifier.startsWith('node:') || builtins.has(specifier)
  // The facade is the composition root: it has files and environment to read itself.
  if (isNode && layer === facade) return undefined
  return `only adapters/ import ${isNode ? 'Node modules' : 'third parties'}: "${specifier}"`
}
