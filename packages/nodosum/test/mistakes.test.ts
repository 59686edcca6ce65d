import { describe, expect, it, vi } from 'vitest'
import { type Mistake, refusalOf } from './mistaken-nodes.ts'
import { mistakes } from './mistakes.ts'

// Each makes certificates and opens sockets, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const all = Object.values(mistakes).flat()

describe('a mistake is answered with what it is and what to do', () => {
  it.each(all.map((one) => [one.mistake, one] as const))('%s', async (_, { code, says, make }) => {
    const error = await refusalOf(make)
    expect([error.code, error.message]).toEqual([code, error.message])
    for (const words of says) expect(error.message).toContain(words)
  })
})

describe('docs/mistakes.md', () => {
  it('is made of the mistakes that are tried here', async () => {
    expect(all.length).toBeGreaterThanOrEqual(25)
    await expect(page()).toMatchFileSnapshot('../../../docs/mistakes.md')
  })
})

function page(): string {
  const sections = Object.entries(mistakes).map(
    ([title, rows]) =>
      `## ${title}\n\n| mistake | code | the message says |\n| --- | --- | --- |\n${rows.map(row).join('\n')}\n`,
  )
  return `# Mistakes and what they are answered with

Everything here is tried by \`packages/nodosum/test/mistakes.test.ts\`, which also writes this page
(\`npm run vitest -- --project nodosum packages/nodosum/test/mistakes.test.ts -u\`). Each code has its
meaning and its remedy in [errors](errors.md).

${sections.join('\n')}`
}

function row({ mistake, code, says }: Mistake): string {
  const words = says.map((text) => `\`${text.replaceAll('|', '\\|')}\``).join(', ')
  return `| ${mistake} | \`${code}\` | ${words} |`
}
