import ts from 'typescript'
import type { Problem, Rule } from '../rule.ts'
import type { SourceTree } from '../source-tree.ts'

/** By which Node and OpenSSL are told to take a certificate that does not hold. */
const switches = new Set([
  'rejectUnauthorized',
  'checkServerIdentity',
  'requestCert',
  'NODE_TLS_REJECT_UNAUTHORIZED',
])

/** Where such a switch only moves the verdict: TLS lets pass, our own check refuses with a reason. */
const verdictsMoved = new Set(['packages/transport-h2/src/adapters/tls-network.ts'])

/** Names under which other systems let their users turn validation off. */
const loosening =
  /insecure|unsafe|unauthori[sz]ed|verif|validat|anonymous|self.?signed|trust|skip|bypass|plain.?text|no.?tls|tls.?off/i

const optionsSchema = 'docs/options.schema.json'

/**
 * Certificates are checked, whatever somebody configures: no source hands a switch to TLS that turns
 * the checks off, and no option is named like one. A new option that means something else by such a
 * word gets another name.
 */
export const strictValidation: Rule = {
  name: 'no switch loosens validation',
  check: (tree) => [
    ...tree.packageSources.filter((file) => !verdictsMoved.has(file)).flatMap(switchesIn(tree)),
    ...(tree.files.includes(optionsSchema) ? optionsIn(tree.read(optionsSchema)) : []),
  ],
}

function switchesIn(tree: SourceTree): (file: string) => Problem[] {
  return (file) => {
    const text = tree.read(file)
    if (![...switches].some((name) => text.includes(name))) return []
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2024, true)
    const problems: Problem[] = []
    const visit = (node: ts.Node): void => {
      const isName = ts.isIdentifier(node) || ts.isStringLiteralLike(node)
      if (isName && switches.has(node.text)) {
        const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1
        problems.push({ file, line, message: `${node.text} can turn the checks of TLS off` })
      }
      ts.forEachChild(node, visit)
    }
    visit(source)
    return problems
  }
}

function optionsIn(schema: string): Problem[] {
  const problems: Problem[] = []
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    for (const [key, below] of Object.entries(value)) {
      if (key === 'properties') {
        for (const name of Object.keys(below as object)) {
          if (!loosening.test(name)) continue
          const message = `the option ${name} is named like a switch that loosens validation`
          problems.push({ file: optionsSchema, message })
        }
      }
      visit(below)
    }
  }
  visit(JSON.parse(schema))
  return problems
}
