/** `docs/limits.md`: what bounds every queue, map and payload, and what happens there. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { OptionReference } from '../../../packages/kernel/src/options.ts'

/** A bound that is a constant in the code; its value is read there. */
interface FixedLimit {
  readonly what: string
  readonly file: string
  readonly name: string
  readonly atTheBound: string
}

const fixedLimits: readonly FixedLimit[] = [
  fixed(
    'bytes of an HTTP/2 control stream that wait to leave',
    'transport-h2/src/driver/control-lane.ts',
    'backlogBytesMax',
    'the connection closes, and sessions go on over another',
  ),
  fixed(
    'certificates of a chain that a peer shows',
    'transport-h2/src/adapters/tls-link.ts',
    'chainLengthMax',
    'CERT_UNTRUSTED',
  ),
  fixed(
    'signatures that are checked for one chain',
    'security/src/adapters/certificate-chain.ts',
    'signatureChecksMax',
    'CERT_UNTRUSTED',
  ),
  fixed(
    'send buffers of the QUIC driver that are kept for use again',
    'transport-quic/src/driver/packet-sender.ts',
    'poolBuffersMax',
    'further ones are left to the collector',
  ),
  fixed(
    'paths whose packet size is remembered',
    'transport-quic/src/driver/path-sizes.ts',
    'rememberedMax',
    'the longest unused is measured again',
  ),
  fixed(
    'packets of one connection that are read in a turn',
    'transport-quic/src/driver/packet-flow.ts',
    'packetsPerTurnMax',
    'the others wait for the next turn',
  ),
  fixed(
    'lanes of a peer that are refused and not acknowledged as such',
    'streams/src/core/lane-lifecycle.ts',
    'refusalsMax',
    'the session ends: the peer does not listen',
  ),
  fixed(
    'numbers of lanes that a peer may be ahead',
    'streams/src/core/lane-numbers.ts',
    'aheadMax',
    'the session ends as broken',
  ),
  fixed(
    'closed lanes that snapshots of a session still show',
    'streams/src/core/lane-lifecycle.ts',
    'pastMax',
    'the oldest is forgotten',
  ),
  fixed(
    'peers of a lane that are remembered by a sender',
    'messaging/src/driver/lane.ts',
    'peersMax',
    'one that nothing waits for makes room, else LIMIT_PENDING',
  ),
  fixed(
    'peers with a quota',
    'messaging/src/driver/quotas.ts',
    'peersMax',
    'the longest unused begins anew',
  ),
  fixed(
    'peers with a breaker of requests',
    'messaging/src/driver/peer-breakers.ts',
    'peersMax',
    'the longest unused begins anew',
  ),
  fixed(
    'requests of one peer that run or wait',
    'messaging/src/driver/lane-ends.ts',
    'admittedMax',
    'OVERLOAD',
  ),
  fixed(
    'payloads in a row that do not decode',
    'messaging/src/driver/inbound-messages.ts',
    'undecodableMax',
    'the session ends with DECODE_FAILED',
  ),
  fixed(
    'a routing key, bytes of UTF-8',
    'messaging/src/wire/envelope.ts',
    'keyBytesMax',
    'CONFIG_INVALID at the sender',
  ),
  fixed(
    'headers of one message',
    'messaging/src/wire/envelope.ts',
    'headersMax',
    'CONFIG_INVALID at the sender',
  ),
  fixed(
    'the value of a header, bytes of UTF-8',
    'messaging/src/wire/envelope.ts',
    'headerValueBytesMax',
    'CONFIG_INVALID at the sender',
  ),
  fixed('tags of a target', 'messaging/src/wire/envelope.ts', 'filterTagsMax', 'CONFIG_INVALID'),
  fixed(
    'probes under way',
    'membership/src/core/failure-detector.ts',
    'probesMax',
    'the member is probed at its next turn',
  ),
  fixed(
    'probes on behalf of others',
    'membership/src/core/helped-probes.ts',
    'helpedMax',
    'not made; the asker takes it for loss',
  ),
  fixed(
    'statements in the answer to one packet',
    'membership/src/core/source.ts',
    'answersMax',
    'the others come with the next comparison',
  ),
  fixed(
    'goodbyes of nodes that are not known',
    'membership/src/core/beliefs.ts',
    'farewellsMax',
    'the oldest is forgotten',
  ),
  fixed(
    'nodes with user events',
    'membership/src/core/user-events.ts',
    'originsMax',
    'the longest silent one is forgotten',
  ),
  fixed(
    'events of one node that wait for an earlier one',
    'membership/src/core/user-events.ts',
    'waitingMax',
    'the missing one is given up and counted',
  ),
  fixed(
    'how far an incarnation may jump',
    'membership/src/core/rules.ts',
    'incarnationJumpMax',
    'the statement is ignored and counted',
  ),
  fixed(
    'bytes of the snapshot file',
    'membership/src/adapters/snapshot-file.ts',
    'bytesMax',
    'the file is put aside as damaged, and health says so',
  ),
  fixed(
    'addresses where nobody is known',
    'membership/src/driver/packet-paths.ts',
    'strangersMax',
    'the longest kept is forgotten',
  ),
  fixed(
    'a text of the environment that is read from a file',
    'nodosum/src/environment.ts',
    'fileBytesMax',
    'CONFIG_INVALID',
  ),
]

function fixed(what: string, file: string, name: string, atTheBound: string): FixedLimit {
  return { what, file: `packages/${file}`, name, atTheBound }
}

/** Names of options that bound something. */
const bounds = /(Max|PerSecond|Burst|WindowBytes|WindowItems|Bytes)$/

/**
 * @param layers options by their layer
 * @throws when a constant is not where this page says
 */
export function limitsPage(
  root: string,
  layers: readonly { readonly title: string; readonly rows: readonly OptionReference[] }[],
  words: {
    readonly cell: (text: string) => string
    readonly defaultOf: (option: OptionReference) => string
  },
): string {
  const { cell, defaultOf } = words
  const chapters = layers.flatMap(({ title, rows }) => {
    const limits = rows.filter(({ path }) => bounds.test(path))
    if (limits.length === 0) return []
    const lines = limits.map(
      (row) =>
        `| \`${row.path}\` | ${cell(defaultOf(row))} | ${row.range ?? ''} | ${cell(row.description)} |`,
    )
    const head =
      '| option | default | range | what it bounds, and what happens there |\n| --- | --- | --- | --- |'
    return [`## ${title}\n\n${head}\n${lines.join('\n')}\n`]
  })
  const constants = fixedLimits.map(({ what, file, name, atTheBound }) => {
    const value = constantIn(readFileSync(join(root, file), 'utf8'), name)
    if (value === null) throw new Error(`${file} has no constant ${name}; docs/limits.md names it`)
    return `| ${what} | ${value} | ${atTheBound} | [${name}](../${file}) |`
  })
  return [
    '# Limits',
    '',
    'Generated from the options and the code: `npm run reference`. Nothing in a node grows without a bound.',
    'Whoever meets one hears a code of [errors.md](errors.md), or waits; nothing is dropped in silence.',
    '',
    ...chapters,
    '## Fixed in the code',
    '',
    '| what | limit | at the bound | where |',
    '| --- | --- | --- | --- |',
    ...constants,
    '',
  ].join('\n')
}

function constantIn(text: string, name: string): string | null {
  const found = new RegExp(`const ${name}\\b[^=]*= ([^\\n]+)`).exec(text)
  return found === null ? null : (found[1] as string).replaceAll('_', ',').replace(' ** ', '^')
}
