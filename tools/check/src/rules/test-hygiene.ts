import ts from 'typescript'
import type { Problem, Rule } from '../rule.ts'
import type { SourceTree } from '../source-tree.ts'

const runners = new Set(['it', 'test', 'describe'])
const skipping = new Set(['skip', 'only', 'todo', 'skipIf', 'runIf', 'fails'])

/** No test is skipped, focused or left for later, and each file of tests expects something. */
export const testHygiene: Rule = {
  name: 'no skipped tests',
  check: (tree) =>
    tree.files.filter((file) => file.endsWith('.test.ts')).flatMap((file) => checkFile(tree, file)),
}

function checkFile(tree: SourceTree, file: string): Problem[] {
  const source = ts.createSourceFile(file, tree.read(file), ts.ScriptTarget.ES2024, true)
  const problems: Problem[] = []
  let expects = false
  const report = (node: ts.Node, message: string): void => {
    const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1
    problems.push({ file, line, message })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
      const runner = node.expression.text
      if (runners.has(runner) && skipping.has(node.name.text)) {
        report(node, `${runner}.${node.name.text}: a test runs or it goes`)
      }
    }
    if (ts.isIdentifier(node) && node.text === 'expect') expects = true
    ts.forEachChild(node, visit)
  }
  visit(source)
  if (!expects) problems.push({ file, message: 'expects nothing, so it cannot fail' })
  return problems
}
