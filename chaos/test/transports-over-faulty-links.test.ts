/** A brief selection; `npm run chaos -- conformance` runs every clause over every link. */
import { clausesFor } from '@nodosum/transport/conformance'
import { afterAll, describe, expect, it } from 'vitest'
import { throughFaultyLinks } from '../src/conformance/faulty-links.ts'
import { linkKinds } from '../src/conformance/link-kinds.ts'
import { harnessOf, transportKinds } from '../src/conformance/transports.ts'

/** One of each kind, and the last one sends enough for the rare faults. */
const brief = [
  'both ends know each other by their certificates',
  'an acceptor with an expired certificate is refused',
  'half close: end reaches the peer after all bytes, and its direction lives on',
  'a slow reader holds up no other stream',
  'ping measures the round trip, from both ends and several at once',
  'a peer that is killed while it writes is noticed, and its bytes stay valid',
  'the reason of a close reaches both ends, and the first one holds',
  '500 streams at once are each answered with their own bytes',
]
/** Where a clause takes long only because the way is. */
const tooLong: Readonly<Record<string, readonly string[]>> = {
  far: ['a slow reader holds up no other stream'],
}
/** What CI has no time for. */
const notBriefly = ['clean', 'rough', 'leaky']

describe.each(
  transportKinds.flatMap((transport) =>
    linkKinds[transport]
      .filter(({ name }) => !notBriefly.includes(name))
      .map((link) => ({ transport, link, name: link.name })),
  ),
)('$transport keeps the contract over a link that is $name:', ({ transport, link, name }) => {
  const { harness, remove } = harnessOf(transport)
  const links = throughFaultyLinks(harness, link, 'brief')
  afterAll(remove)
  const titles = brief.filter((title) => tooLong[name]?.includes(title) !== true)
  const clauses = clausesFor(links.harness).filter((clause) => titles.includes(clause.name))

  for (const clause of clauses) it(clause.name, () => clause.run(links.harness), 60_000)

  it('and every fault of the link has fired', () => {
    expect(clauses).toHaveLength(titles.length)
    for (const fault of link.expected) expect([fault, links.fired(fault)]).not.toEqual([fault, 0])
  })
})
