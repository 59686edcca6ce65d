import { describe, expect, it } from 'vitest'
import { auditDeliveries, type DeliveryDeeds } from '../../src/delivery/delivery-audit.ts'
import { parseBook } from '../../src/delivery/delivery-book.ts'

const calm: DeliveryDeeds = { killed: new Set(), kills: 0, started: 2, isOrderly: false }

/** A sender's and a receiver's book in which all is well, line by line. */
const sender = [
  'I a.1.fire.0 fire b',
  'I a.1.fire.1 fire b',
  'I a.1.handled.2 handled b',
  'E a.1.handled.2>b handled',
  'I a.1.request.3 request b',
  'E a.1.request.3>b replied',
  'I a.1.broadcast.4 broadcast *',
  'E a.1.broadcast.4>b accepted',
  'I a.1.fire.5 fire b',
  'R a.1.fire.5>b ERR_NODOSUM_BACKPRESSURE',
  'I a.1.request.6 request b',
  'E a.1.request.6>b ERR_NODOSUM_OVERLOAD',
  'Z',
  'C {"accepted":6,"delivered":5,"rejected":1,"expired":0,"unknown":0,"inFlight":0}',
  'X',
]
const receiver = [
  'S m0 a.1.fire.0',
  'S m1 a.1.fire.1',
  'S m2 a.1.handled.2',
  'S m3 a.1.request.3',
  'S m4 a.1.broadcast.4',
  'Z',
  'C {"accepted":0,"delivered":0,"rejected":0,"expired":0,"unknown":0,"inFlight":0}',
  'X',
]

function problemsOf(
  change: { sender?: (lines: string[]) => string[]; receiver?: (lines: string[]) => string[] },
  deeds = calm,
): readonly string[] {
  const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('')
  const books = [
    parseBook('a', '1', text((change.sender ?? ((lines) => lines))([...sender]))),
    parseBook('b', '2', text((change.receiver ?? ((lines) => lines))([...receiver]))),
  ]
  return auditDeliveries(books, deeds).problems
}

const without = (part: string) => (lines: string[]) => lines.filter((line) => !line.includes(part))
const withLine = (line: string) => (lines: string[]) => [line, ...lines]
const replaced = (from: string, to: string) => (lines: string[]) =>
  lines.map((line) => line.replace(from, to))

describe('the audit of deliveries', () => {
  it('finds nothing where all is well, and counts it', () => {
    expect(problemsOf({})).toEqual([])
  })

  it.each([
    ['a message that nobody waits for is gone', { receiver: without('fire.1') }, 'lost in silence'],
    ['a copy of a broadcast is gone', { receiver: without('broadcast') }, 'lost in silence'],
    ['a confirmed message is gone', { receiver: without('handled') }, 'lost: told as handled'],
    ['an answered request never ran', { receiver: without('request') }, 'lost: told as replied'],
    ['a message is handled twice', { receiver: withLine('S m0 a.1.fire.0') }, 'handled twice'],
    ['a message comes from nowhere', { receiver: withLine('S m9 a.1.fire.9') }, 'never sent'],
    [
      'a refused message is handled',
      { receiver: (lines: string[]) => [...lines, 'S m5 a.1.fire.5'] },
      'refused, but its handler started',
    ],
    [
      'a handler runs for what was told as not run',
      { receiver: withLine('S m6 a.1.request.6') },
      'told as ERR_NODOSUM_OVERLOAD',
    ],
    [
      'messages of a lane change places',
      { receiver: (lines: string[]) => [lines[1] ?? '', lines[0] ?? '', ...lines.slice(2)] },
      'out of order',
    ],
    ['a caller is never told', { sender: without('E a.1.handled') }, 'its caller was never told'],
    ['a caller is told twice', { sender: withLine('E a.1.handled.2>b handled') }, 'ended twice'],
    [
      'a message is unknown although nobody died',
      {
        sender: withLine('U m1 b ERR_NODOSUM_DELIVERY_UNKNOWN'),
        receiver: without('fire.1'),
      },
      'unknown although',
    ],
    [
      'the counters do not add up',
      { sender: replaced('"delivered":5', '"delivered":4') },
      'outcomes',
    ],
    [
      'the counters miss a message',
      { sender: replaced('"accepted":6,"delivered":5', '"accepted":5,"delivered":4') },
      'its book has 6',
    ],
    [
      'something stays in flight',
      { sender: replaced('"inFlight":0', '"inFlight":1') },
      'in flight',
    ],
    ['a process ended in the middle', { receiver: without('X') }, 'ended in the middle'],
    ['no counters are there', { sender: without('C {') }, 'no counters'],
    ['nothing was sent', { sender: () => ['Z', 'X'] }, 'nothing was sent'],
    ['nothing was handled', { receiver: () => ['Z', 'X'] }, 'nothing was handled'],
    ['one id is used twice', { sender: withLine('I a.1.fire.0 fire b') }, 'asked for twice'],
  ])('sees that %s', (_what, change, words) => {
    expect(problemsOf(change).join('\n')).toContain(words)
  })

  it('excuses what a killed receiver had: told as unknown, one by one', () => {
    const deeds = { killed: new Set(['b']), kills: 1, started: 2, isOrderly: false }
    const told = withLine('U m1 b ERR_NODOSUM_DELIVERY_UNKNOWN')
    const died = (lines: string[]): string[] =>
      lines.slice(0, 5).filter((line) => !line.includes('fire.1'))
    expect(problemsOf({ sender: told, receiver: died }, deeds)).toEqual([])
    expect(problemsOf({ receiver: died }, deeds).join()).toContain('lost in silence')
  })

  it('lets what was unknown turn out delivered', () => {
    const deeds = { killed: new Set(['b']), kills: 1, started: 2, isOrderly: false }
    expect(problemsOf({ sender: withLine('U m1 b ERR_NODOSUM_DELIVERY_UNKNOWN') }, deeds)).toEqual(
      [],
    )
  })

  it('asks nothing of a sender that was killed, but that nothing be invented or repeated', () => {
    const deeds = { killed: new Set(['a']), kills: 1, started: 2, isOrderly: false }
    const torn = (lines: string[]): string[] => lines.slice(0, 3)
    const none = { killed: new Set(['a']), kills: 1, started: 2, isOrderly: false }
    expect(problemsOf({ sender: torn, receiver: without('request') }, none).join()).toContain(
      'never sent',
    )
    const known = (lines: string[]): string[] =>
      lines.filter((line) => !line.includes('request') && !line.includes('broadcast'))
    expect(problemsOf({ sender: torn, receiver: known }, deeds)).toEqual([])
  })

  it('allows nothing to be undelivered, nor to fail twice, where nodes only leave and return', () => {
    const orderly = { ...calm, isOrderly: true }
    expect(problemsOf({}, orderly)).toEqual([])
    const untold = withLine('U m9 b ERR_NODOSUM_PEER_DRAINING')
    expect(problemsOf({ sender: untold }, orderly).join()).toContain('although nothing went wrong')
    const unknown = replaced('ERR_NODOSUM_OVERLOAD', 'ERR_NODOSUM_DELIVERY_UNKNOWN')
    expect(problemsOf({ sender: unknown }, orderly).join()).toContain('nobody knows')
    const again = (lines: string[]): string[] => [
      'I a.1.again.7 again b',
      'E a.1.again.7>b ERR_NODOSUM_OVERLOAD',
      ...lines,
    ]
    expect(problemsOf({ sender: again }, orderly).join()).toContain(
      'failed at another node as well',
    )
  })

  it('misses a book', () => {
    expect(
      problemsOf({}, { killed: new Set(), kills: 0, started: 3, isOrderly: false }).join(),
    ).toContain('3 processes')
  })

  it('reads on past the torn last line of a process that was killed', () => {
    expect(parseBook('a', '1', 'I x fire b\nE x').intents).toHaveLength(1)
    expect(() => parseBook('a', '1', 'garbage\n')).toThrow('is none')
  })
})
