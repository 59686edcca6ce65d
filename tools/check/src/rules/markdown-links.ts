import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Problem, Rule } from '../rule.ts'
import type { SourceTree } from '../source-tree.ts'

/** A relative link in a page leads to a file, and its anchor to a heading. */
export const markdownLinks: Rule = {
  name: 'links between pages',
  check: (tree) =>
    tree.files.filter((file) => file.endsWith('.md')).flatMap((file) => checkPage(tree, file)),
}

function checkPage(tree: SourceTree, file: string): Problem[] {
  const problems: Problem[] = []
  let isCode = false
  tree
    .read(file)
    .split('\n')
    .forEach((text, index) => {
      if (/^\s*```/.test(text)) isCode = !isCode
      if (isCode) return
      for (const [, target = ''] of text.replaceAll(/`[^`]*`/g, '').matchAll(/\]\(([^)\s]+)\)/g)) {
        const message = brokenLink(tree, file, target)
        if (message !== undefined) problems.push({ file, line: index + 1, message })
      }
    })
  return problems
}

function brokenLink(tree: SourceTree, file: string, target: string): string | undefined {
  if (/^[a-z]+:/.test(target)) return undefined
  const [path = '', anchor] = target.split('#')
  const page = path === '' ? file : join(dirname(file), path)
  if (!existsSync(join(tree.root, page))) return `${target} leads to nothing`
  if (anchor === undefined || !page.endsWith('.md')) return undefined
  const slugs = [...tree.read(page).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) => slugOf(title))
  return slugs.includes(anchor) ? undefined : `${page} has no heading #${anchor}`
}

/** The anchor that GitHub gives to a heading. */
function slugOf(title: string): string {
  const plain = title.toLowerCase().replaceAll(/[^\p{Letter}\p{Number}\s_-]/gu, '')
  return plain.trim().replaceAll(/\s/g, '-')
}
