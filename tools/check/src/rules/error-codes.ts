import type { Problem, Rule } from '../rule.ts'
import type { SourceTree } from '../source-tree.ts'

const catalog = 'packages/kernel/src/core/error-catalog.ts'
const codePattern = /ERR_NODOSUM_[A-Z_]+[A-Z]/g

/** Every catalogued code is thrown somewhere; every code in code or docs is catalogued. */
export const errorCodes: Rule = { name: 'error codes, both ways', check }

function check(tree: SourceTree): Problem[] {
  if (!tree.files.includes(catalog)) return [{ file: catalog, message: 'is missing' }]
  const known = new Set(
    [...tree.read(catalog).matchAll(/^ {2}(ERR_NODOSUM_[A-Z_]+): /gm)].map(
      ([, code]) => code ?? '',
    ),
  )
  const thrown = new Set<string>()
  const problems: Problem[] = []
  const places = tree.files.filter(
    (file) => /^(packages|apps|benchmarks)\/.*\/?src\/.*\.ts$/.test(file) || file.endsWith('.md'),
  )
  for (const file of places.filter((path) => path !== catalog)) {
    const isCode = file.startsWith('packages/') && file.endsWith('.ts')
    tree
      .read(file)
      .split('\n')
      .forEach((text, index) => {
        for (const [code] of text.matchAll(codePattern)) {
          if (isCode) thrown.add(code)
          if (!known.has(code)) {
            problems.push({ file, line: index + 1, message: `${code} is not in ${catalog}` })
          }
        }
      })
  }
  for (const code of known) {
    if (!thrown.has(code)) problems.push({ file: catalog, message: `nothing throws ${code}` })
  }
  return problems
}
