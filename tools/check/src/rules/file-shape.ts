import ts from 'typescript'
import type { Problem, Rule } from '../rule.ts'
import type { SourceTree } from '../source-tree.ts'

/** More than this and a file holds two concepts. */
export const linesMax = 400
const vagueNames = /(^|[-/.])(utils?|helpers?|common|misc|shared-code)(?=[-/.]|$)/

/** Files are short, named for what they hold, and export names one by one. */
export const fileShape: Rule = {
  name: 'shape of files',
  check: (tree) =>
    tree.files
      .filter((file) => /\.(ts|mjs)$/.test(file))
      .flatMap((file) => [...checkSize(tree, file), ...checkExports(tree, file)]),
}

function checkSize(tree: SourceTree, file: string): Problem[] {
  const problems: Problem[] = []
  if (vagueNames.test(file)) problems.push({ file, message: 'name it for what it holds' })
  const lines = tree.read(file).split('\n').length - 1
  if (lines > linesMax) problems.push({ file, message: `${lines} lines; ${linesMax} at most` })
  return problems
}

function checkExports(tree: SourceTree, file: string): Problem[] {
  if (!/^packages\/[^/]+\/src\//.test(file)) return []
  const source = ts.createSourceFile(file, tree.read(file), ts.ScriptTarget.ES2024, true)
  const problems: Problem[] = []
  const report = (node: ts.Node, message: string): void => {
    const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1
    problems.push({ file, line, message })
  }
  for (const node of source.statements) {
    if (ts.isExportAssignment(node)) report(node, 'no default exports')
    if (ts.isExportDeclaration(node) && node.exportClause === undefined) {
      report(node, 'export names one by one, not "export *"')
    }
    const modifiers = ts.canHaveModifiers(node) ? (ts.getModifiers(node) ?? []) : []
    if (modifiers.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword)) {
      report(node, 'no default exports')
    }
  }
  return problems
}
