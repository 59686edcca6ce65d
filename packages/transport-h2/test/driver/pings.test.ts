import { describe, expect, it } from 'vitest'
import { codeOf, pair } from '../nodes.ts'

describe('pings', () => {
  it('that meet the close of their connection reject, once, and nothing is left unheard', async () => {
    // An unhandled rejection fails the run.
    for (let round = 0; round < 20; round++) {
      const { dialer, acceptor } = await pair()
      let isOver = false
      const pings: Promise<string>[] = []
      const closed = [dialer.closed, acceptor.closed]
      void Promise.all(closed).then(() => {
        isOver = true
      })
      void (round % 2 === 0 ? dialer : acceptor).close()
      while (!isOver) {
        pings.push(codeOf(dialer.ping()), codeOf(acceptor.ping()))
        await new Promise((resolve) => setImmediate(resolve))
      }
      const codes = new Set(await Promise.all(pings))
      codes.delete('resolved')
      codes.delete('ERR_NODOSUM_LIMIT_PENDING')
      expect([...codes]).toEqual(['ERR_NODOSUM_CONNECTION_LOST'])
    }
  })
})
