/**
 * `npm run reference`: writes the pages that are generated from the code. With `--check` it only
 * says whether they are up to date.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { discoveryOptions } from '../../../packages/discovery/src/options.ts'
import { errorCatalog } from '../../../packages/kernel/src/index.ts'
import type { OptionReference } from '../../../packages/kernel/src/options.ts'
import { membershipOptions } from '../../../packages/membership/src/options.ts'
import { messagingOptions } from '../../../packages/messaging/src/options.ts'
import { nodeOptions } from '../../../packages/nodosum/src/node-options.ts'
import { securityOptions } from '../../../packages/security/src/options.ts'
import { streamsOptions } from '../../../packages/streams/src/options.ts'
import { poolOptions } from '../../../packages/transport/src/options.ts'
import { h2Options } from '../../../packages/transport-h2/src/options.ts'
import { quicOptions } from '../../../packages/transport-quic/src/options.ts'

import { limitsPage } from './limits-page.ts'

const root = join(import.meta.dirname, '../../..')

interface Table {
  readonly title: string
  readonly says: string
  readonly rows: readonly OptionReference[]
}

const tables: readonly Table[] = [
  {
    title: 'createNode',
    says: 'What `createNode` of `nodosum` takes. `layers.*` are the tables below.',
    rows: nodeOptions.reference().filter(({ path }) => !path.startsWith('layers.')),
  },
  {
    title: 'membership',
    says: 'As `layers.membership`.',
    rows: membershipOptions.reference(),
  },
  { title: 'streams', says: 'As `layers.streams`.', rows: streamsOptions.reference() },
  { title: 'messaging', says: 'As `layers.messaging`.', rows: messagingOptions.reference() },
  { title: 'pool', says: 'As `layers.pool`.', rows: poolOptions.reference() },
  { title: 'transport-quic', says: 'As `layers.quic`.', rows: quicOptions.reference() },
  { title: 'transport-h2', says: 'As `layers.h2`.', rows: h2Options.reference() },
  {
    title: 'discovery',
    says: 'For those who use `@nodosum/discovery` by itself.',
    rows: discoveryOptions.reference(),
  },
  {
    title: 'security',
    says: 'For those who use `@nodosum/security` by itself.',
    rows: securityOptions.reference(),
  },
]

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}

function defaultOf(option: OptionReference): string {
  const { default: value, unit, required } = option
  if (value === undefined) return required ? 'required' : ''
  const text = typeof value === 'number' ? value.toLocaleString('en') : JSON.stringify(value)
  return unit === null ? text : `${text} ${unit}`
}

function optionsPage(): string {
  const parts = tables.map(({ title, says, rows }) => {
    const lines = rows.map((row) => {
      const bounds = row.range ?? ''
      const hot = row.reload === 'hot' ? ' Hot: see `node.reconfigure`.' : ''
      return `| \`${row.path}\` | ${cell(row.type)} | ${cell(defaultOf(row))} | ${bounds} | ${cell(row.description)}${hot} |`
    })
    const head = '| option | type | default | range | meaning |\n| --- | --- | --- | --- | --- |'
    return `## ${title}\n\n${says}\n\n${head}\n${lines.join('\n')}\n`
  })
  return `# Options\n\nGenerated from the schemas that check them: \`npm run reference\`.\n\n${parts.join('\n')}`
}

function errorsPage(): string {
  const rows = Object.entries(errorCatalog).map(
    ([code, { class: kind, retryable, meaning, remedy }]) =>
      `| \`${code}\` | ${kind} | ${retryable ? 'yes' : 'no'} | ${cell(meaning)} | ${cell(remedy)} |`,
  )
  return [
    '# Errors',
    '',
    'Generated from the catalogue of `@nodosum/kernel`: `npm run reference`.',
    '',
    'Every error that Nodosum throws has one of these codes. Test for one with',
    "`isNodosumError(error, 'ERR_NODOSUM_REQUEST_TIMEOUT')`. Its `class` says how to take it:",
    '`temporary`: retry with jitter. `ambiguous`: it may or may not have happened. `overload`: retry',
    'later and slower. `permanent`: retrying changes nothing. `security`: never retry unchanged.',
    '',
    '| code | class | retry | meaning | what to do |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n')
}

const pages = new Map<string, string>([
  ['docs/limits.md', limitsPage(root, tables, { cell, defaultOf })],
  ['docs/errors.md', errorsPage()],
  ['docs/options.md', optionsPage()],
  ['docs/options.schema.json', `${JSON.stringify(nodeOptions.jsonSchema(), null, 2)}\n`],
])

const isCheck = process.argv.includes('--check')
for (const [file, text] of pages) {
  if (!isCheck) {
    writeFileSync(join(root, file), text)
    process.stdout.write(`wrote ${file}\n`)
    continue
  }
  let current = ''
  try {
    current = readFileSync(join(root, file), 'utf8')
  } catch {}
  if (current !== text) {
    process.stdout.write(`${file} is out of date; run \`npm run reference\`\n`)
    process.exitCode = 1
  }
}
