import { parseNodeId } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { bootOf, recordOf, ScriptedPeers } from './scripted-peers.ts'

const protocol = { min: 1, max: 1 }
const elsewhere = [{ host: 'elsewhere', udpPort: 1, tcpPort: 0 }]
/** The other process with this id, which says what its core is called by tests. */
const namesake = recordOf('self', { addresses: elsewhere })

/** It has formed a cluster by itself. */
function alone(): ScriptedPeers {
  const peers = new ScriptedPeers({}, { bootId: bootOf('another') })
  peers.core.join(0, [])
  peers.run(10_000)
  expect(peers.core.isFormed).toBe(true)
  peers.clear()
  return peers
}

describe('the only member there is', () => {
  it('tells a process that would join with its id who it is', () => {
    const peers = alone()
    peers.say('self', { kind: 'join', protocol }, namesake)
    const [answer] = peers.sentTo('self', 'repair')
    expect(answer?.statements).toMatchObject([
      { kind: 'record', nodeId: 'self', bootId: bootOf('another') },
    ])
  })

  it('answers nothing else of it, so that two of them do not go on for ever', () => {
    const peers = alone()
    peers.say('self', { kind: 'gossip' }, namesake)
    peers.say('self', { kind: 'repair' }, namesake)
    expect(peers.sent.filter(({ to }) => to === 'self')).toEqual([])
  })
})

describe('a process that joins', () => {
  it('asks whoever lives with its id, and gives way', () => {
    const formation = { expect: null, alone: false }
    const peers = new ScriptedPeers({}, { bootId: bootOf('another'), formation })
    peers.core.join(0, [{ host: 'seed', port: 1 }])
    peers.say('self', { kind: 'repair' }, namesake)
    const [ping] = peers.sentTo('elsewhere', 'ping')
    expect(ping?.body).toMatchObject({ target: parseNodeId('self') })
    const { root } = { root: peers.core.digest }
    const probe = ping?.body.kind === 'ping' ? ping.body.probe : 0
    peers.say('self', { kind: 'ack', probe, root, coordinate: null })
    expect(peers.effects.map(({ kind }) => kind)).toContain('conflict')
  })
})
