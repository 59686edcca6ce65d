import ts from 'typescript'
import type { Problem, Rule } from '../rule.ts'
import type { SourceTree } from '../source-tree.ts'

/** Globals that carry time, chance or the outside world; `lib: ES2024` alone lets some pass. */
const ambient = new Set(
  (
    'Date performance setTimeout setInterval setImmediate clearTimeout clearInterval ' +
    'clearImmediate queueMicrotask process Buffer crypto console globalThis fetch require ' +
    'WeakRef FinalizationRegistry Intl'
  ).split(' '),
)

/** Where the kernel wraps globals that are the same on every machine and at every time. */
const wrappers: Readonly<Record<string, string>> = {
  'packages/kernel/src/core/abort.ts': 'globalThis',
  'packages/kernel/src/core/utf8.ts': 'globalThis',
}

/** `core/` and `wire/` see bytes and time only as arguments. */
export const purity: Rule = {
  name: 'purity of core/ and wire/',
  check: (tree) =>
    tree.packageSources
      .filter((file) => /^packages\/[^/]+\/src\/(core|wire)\//.test(file))
      .flatMap((file) => checkFile(tree, file)),
}

function checkFile(tree: SourceTree, file: string): Problem[] {
  const source = ts.createSourceFile(file, tree.read(file), ts.ScriptTarget.ES2024, true)
  const problems: Problem[] = []
  const visit = (node: ts.Node): void => {
    const found = ambientUse(node)
    if (found !== undefined && wrappers[file] !== found) {
      const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1
      problems.push({ file, line, message: `${found} is ambient; pass it in as an argument` })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return problems
}

function ambientUse(node: ts.Node): string | undefined {
  if (!ts.isIdentifier(node)) return undefined
  const { parent, text } = node
  const isMember = ts.isPropertyAccessExpression(parent) && parent.name === node
  if (isMember) {
    const owner = parent.expression
    const isRandom = text === 'random' && ts.isIdentifier(owner) && owner.text === 'Math'
    return isRandom ? 'Math.random' : undefined
  }
  if (!ambient.has(text)) return undefined
  // The name of a property or of a declaration is not a use of the global.
  const isName =
    'name' in parent && parent.name === node && !ts.isShorthandPropertyAssignment(parent)
  return isName ? undefined : text
}
