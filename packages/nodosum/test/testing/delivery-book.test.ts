import { describe, expect, it } from 'vitest'
import { DeliveryBook } from '../../src/testing/delivery-book.ts'

const message = { application: 'shelf', lane: 'default', kind: 'message' } as const

function book(entriesMax = 1_000): DeliveryBook {
  return new DeliveryBook(entriesMax)
}

function send(into: DeliveryBook, to: string | null, payload: unknown, outcome = 'accepted'): void {
  into.sent({ ...message, from: 'a', to, payload })(outcome)
}

let deliveries = 0
function deliver(into: DeliveryBook, to: string, payload: unknown): string {
  const messageId = `message ${++deliveries}`
  into.started({ ...message, from: 'a', to, messageId, payload })('done')
  return messageId
}

describe('a delivery book', () => {
  it('calls lost what was accepted, not delivered and told to nobody', () => {
    const pages = book()
    send(pages, 'b', { sku: 'tea' })
    send(pages, 'b', { sku: 'tea' })
    send(pages, null, 'any')
    deliver(pages, 'b', { sku: 'tea' })
    expect(pages.account()).toMatchObject({
      accepted: 3,
      delivered: 1,
      lost: ["shelf a > b: { sku: 'tea' }", "shelf a > any: 'any'"],
    })
    pages.undelivered({ application: 'shelf', from: 'a', to: 'b', messageId: 'of the second' })
    deliver(pages, 'c', 'any')
    expect(pages.account()).toMatchObject({ lost: [], undelivered: 1, duplicated: [] })
  })

  it('takes no excuse from a message that was delivered all the same', () => {
    const pages = book()
    send(pages, 'b', 1)
    send(pages, 'b', 2)
    const messageId = deliver(pages, 'b', 1)
    pages.undelivered({ application: 'shelf', from: 'a', to: 'b', messageId })
    expect(pages.account().lost).toEqual(['shelf a > b: 2'])
  })

  it('finds what was handled more often than it was sent, and what arrived elsewhere', () => {
    const pages = book()
    send(pages, 'b', 'once')
    deliver(pages, 'b', 'once')
    deliver(pages, 'b', 'once')
    send(pages, 'b', 'astray')
    deliver(pages, 'c', 'astray')
    const { lost, duplicated } = pages.account()
    expect(lost).toEqual(["shelf a > b: 'astray'"])
    expect(duplicated).toHaveLength(2)
    expect(duplicated[0]).toContain("'once' > b")
    expect(duplicated[1]).toContain("'astray' > c")
  })

  it('does not wonder at what arrived although its caller was told that it may not have', () => {
    const pages = book()
    send(pages, 'b', 'perhaps', 'ERR_NODOSUM_DELIVERY_UNKNOWN')
    send(pages, null, 'whoever', 'ERR_NODOSUM_DELIVERY_UNKNOWN')
    deliver(pages, 'b', 'perhaps')
    deliver(pages, 'c', 'whoever')
    expect(pages.account()).toMatchObject({ accepted: 0, lost: [], duplicated: [] })
  })

  it('knows a payload again after its journey, bytes of any kind among them', () => {
    const pages = book()
    send(pages, 'b', Buffer.from('tea'))
    deliver(pages, 'b', new Uint8Array(Buffer.from('tea')))
    send(pages, 'b', { b: 1, a: [1, { c: null }] })
    deliver(pages, 'b', { a: [1, { c: null }], b: 1 })
    expect(pages.account()).toMatchObject({ lost: [], duplicated: [] })
  })

  it('proves nothing once it is full, and says so', () => {
    const pages = book(2)
    for (let number = 0; number < 3; number += 1) send(pages, 'b', number)
    expect(() => pages.account()).toThrow(/2 sends and deliveries \(ledgerMax\) and left out 1/)
  })
})
