import type { Problem, Rule } from '../rule.ts'
import type { SourceTree } from '../source-tree.ts'

/** Every changeset names published packages, a kind of release, and says what changed. */
export const changesets: Rule = {
  name: 'changesets',
  check: (tree) =>
    tree.files
      .filter((file) => /^\.changeset\/(?!README).*\.md$/.test(file))
      .flatMap((file) => checkFile(tree, file)),
}

function checkFile(tree: SourceTree, file: string): Problem[] {
  const [, header, text = ''] = /^---\n([\s\S]*?)\n---\n([\s\S]*)$/.exec(tree.read(file)) ?? []
  if (header === undefined) return [{ file, message: 'has no header between two lines of ---' }]
  const published = new Set(
    tree.packages.map(
      (name) => (JSON.parse(tree.read(`packages/${name}/package.json`)) as { name: string }).name,
    ),
  )
  const problems: Problem[] = []
  for (const line of header.split('\n')) {
    const [, name = '', kind] = /^["'](.*)["']: *(\w+)$/.exec(line) ?? []
    if (!published.has(name)) problems.push({ file, message: `names no package: ${line}` })
    if (!['major', 'minor', 'patch'].includes(kind ?? '')) {
      problems.push({ file, message: `is neither major, minor nor patch: ${line}` })
    }
  }
  if (text.trim() === '') problems.push({ file, message: 'does not say what changed' })
  return problems
}
