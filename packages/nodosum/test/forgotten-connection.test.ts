import { describe, expect, it } from 'vitest'
import type { Node } from '../src/index.ts'
import { type MemberProcess, ready, startMember } from './member-process.ts'
import { cluster, scratch, startNode, until } from './start-nodes.ts'

/** Nothing but a word of the new process ends a connection to the old one within these times. */
const layers = {
  pool: { stallTimeoutMs: 300_000 },
  quic: { idleTimeoutMs: 300_000, keepAliveMs: 250 },
  membership: { suspicionMinMs: 60_000 },
  streams: { retentionMs: 300_000 },
} as const

function quicCounters(node: Node): Readonly<Record<string, number>> {
  const { transports } = node.metrics().connections
  return transports.find(({ kind }) => kind === 'quic')?.counters ?? {}
}

describe('a process that takes the place of a killed one', () => {
  it('says that it knows nothing of its connections, and their sessions end at once', async () => {
    const developmentDirectory = scratch()
    const shared = { profile: 'development', developmentDirectory, transport: 'quic' } as const
    const a = await startNode({ nodeId: 'a', ...shared, layers })
    const work = a.application('work')
    const start = (port: number): MemberProcess => {
      const listen = { host: '127.0.0.1', port }
      return startMember({ nodeId: 'b', cluster, ...shared, layers, listen, handleMs: 600_000 })
    }
    let running = start(0)
    await ready(running)
    await until(() => work.nodes().length === 1)
    const heard = (): number => quicCounters(a).forgottenHeard ?? 0
    // A new connection may be quicker than the word, and ends the session as well.
    for (let restarts = 0; restarts < 5 && heard() === 0; restarts += 1) {
      const { facts } = running
      let outcome = 'none yet'
      const request = work.request('b', 'tea', { timeoutMs: 600_000 })
      request.catch(({ code }) => {
        outcome = code
      })
      await until(() => facts.some((fact) => 'started' in fact))
      const port = a.members().find(({ nodeId }) => nodeId === 'b')?.addresses[0]?.udpPort ?? 0
      running.kill('SIGKILL')
      await running.ended

      // Neither end says anything to the other but what is asked for here, and what keeps it alive.
      running = start(port)
      await ready(running)
      await until(() => outcome !== 'none yet', 30_000)
      expect(outcome).toBe('ERR_NODOSUM_DELIVERY_UNKNOWN')
      expect(a.members().find(({ nodeId }) => nodeId === 'b')?.state).toBe('alive')
      await until(() => work.nodes().length === 1)
    }
    expect(heard()).toBe(1)
  }, 90_000)
})
