import { NodosumError } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { settle, type TestNode, TestWorld } from '../nodes.ts'

const error = new NodosumError('ERR_NODOSUM_JOIN_REFUSED', 'b is not admitted: it is too old')

/** Two nodes, of which a refuses b. */
function refusing(certificate?: string): { world: TestWorld; a: TestNode; b: TestNode } {
  const world = new TestWorld()
  const options = certificate === undefined ? {} : { certificate }
  const [a, b] = [world.node('a', options), world.node('b', options)]
  a.refused = { peer: 'b', error }
  return { world, a, b }
}

describe('a peer that must have no session', () => {
  it.each([
    ['a certificate that names it', undefined],
    ['the certificate of a role', ''],
  ])('is turned away with the reason when it dials, with %s', async (_, certificate) => {
    const { world, a, b } = refusing(certificate)
    const refusal = await b.ensure('a').catch((caught: unknown) => caught)
    expect(refusal).toMatchObject({
      code: 'ERR_NODOSUM_JOIN_REFUSED',
      message: expect.stringContaining('it is too old'),
      details: { remote: true },
    })
    await settle()
    expect([a.sessions, b.sessions]).toEqual([[], []])
    expect(world.connections.filter(({ closedWith }) => closedWith === null)).toEqual([])
  })

  it('is not dialed', async () => {
    const { a } = refusing()
    await expect(a.ensure('b')).rejects.toBe(error)
    expect(a.dials).toBe(0)
  })

  it('is let in once it may be', async () => {
    const { a, b } = refusing()
    await expect(b.ensure('a')).rejects.toMatchObject({ code: error.code })
    a.refused = null
    await b.ensure('a')
    await settle()
    expect([a.sessions.length, b.sessions.length]).toEqual([1, 1])
  })
})
