/** The code blocks in pages that are marked `ts snippet`: complete programs that must compile. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ts from 'typescript'
import type { Problem } from './rule.ts'
import type { SourceTree } from './source-tree.ts'

export interface Snippet {
  readonly file: string
  /** Line of the page on which the code begins, counted from 1. */
  readonly line: number
  readonly code: string
}

export function snippetsOf(tree: SourceTree): Snippet[] {
  return tree.files
    .filter((file) => file.endsWith('.md'))
    .flatMap((file) => {
      const blocks = tree.read(file).matchAll(/^```ts snippet\n([\s\S]*?)^```$/gm)
      return [...blocks].map(({ 1: code = '', index }) => {
        const line = tree.read(file).slice(0, index).split('\n').length + 1
        return { file, line, code }
      })
    })
}

/** Published packages whose README shows no program, and snippets that do not compile. */
export function checkSnippets(tree: SourceTree): Problem[] {
  const snippets = snippetsOf(tree)
  const problems: Problem[] = tree.packages
    .map((name) => `packages/${name}/README.md`)
    .filter((page) => !snippets.some(({ file }) => file === page))
    .map((file) => ({ file, message: 'has no ```ts snippet``` block' }))
  return [...problems, ...compileErrors(tree.root, snippets)]
}

/** Compiles every snippet against the sources, as strictly as a user could. */
export function compileErrors(root: string, snippets: readonly Snippet[]): Problem[] {
  const folder = mkdtempSync(join(tmpdir(), 'nodosum-snippets-'))
  try {
    const files = new Map<string, Snippet>()
    for (const [index, snippet] of snippets.entries()) {
      const file = join(folder, `snippet-${index}.mts`)
      writeFileSync(file, snippet.code)
      files.set(file, snippet)
    }
    const program = ts.createProgram([...files.keys()], {
      target: ts.ScriptTarget.ES2024,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      allowImportingTsExtensions: true,
      lib: ['lib.es2024.d.ts', 'lib.esnext.disposable.d.ts'],
      types: ['node'],
      typeRoots: [join(root, 'node_modules/@types')],
      paths: {
        nodosum: [join(root, 'packages/nodosum/src/index.ts')],
        'nodosum/testing': [join(root, 'packages/nodosum/src/testing/index.ts')],
        '@nodosum/kernel/node': [join(root, 'packages/kernel/src/node.ts')],
        '@nodosum/kernel/options': [join(root, 'packages/kernel/src/options.ts')],
        '@nodosum/transport/conformance': [
          join(root, 'packages/transport/src/conformance/index.ts'),
        ],
        '@nodosum/*': [join(root, 'packages/*/src/index.ts')],
        zod: [join(root, 'node_modules/zod/index.d.ts')],
      },
      customConditions: ['nodosum-source'],
    })
    return ts.getPreEmitDiagnostics(program).map((diagnostic) => problemOf(diagnostic, files))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function problemOf(diagnostic: ts.Diagnostic, files: ReadonlyMap<string, Snippet>): Problem {
  const message = ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ')
  const { file, start = 0 } = diagnostic
  const snippet = file === undefined ? undefined : files.get(file.fileName)
  if (file === undefined || snippet === undefined) return { file: file?.fileName ?? '-', message }
  const offset = file.getLineAndCharacterOfPosition(start).line
  return { file: snippet.file, line: snippet.line + offset, message }
}
