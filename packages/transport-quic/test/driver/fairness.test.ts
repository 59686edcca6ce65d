import type { UdpPort } from '@nodosum/transport'
import { describe, expect, it } from 'vitest'
import { until } from '../harness.ts'
import { first, pairOf, second } from '../trusted-nodes.ts'

describe('a connection that has much to send', () => {
  it('sends at most 64 packets in one turn of the event loop', async () => {
    const turns: number[] = []
    let packets = 0
    const counted = (udp: UdpPort): UdpPort => {
      const send = udp.send.bind(udp)
      udp.send = (bytes, to) => {
        if (packets === 0) {
          setImmediate(() => {
            turns.push(packets)
            packets = 0
          })
        }
        packets += 1
        send(bytes, to)
      }
      return udp
    }
    const options = { packetBytes: 1_200 }
    const { dialer, acceptor } = await pairOf(
      { credentials: first, options, wrap: counted },
      { credentials: second, options },
    )
    let received = 0
    acceptor.onStream = (stream) => {
      stream.onData = (chunk) => {
        received += chunk.length
      }
    }
    const stream = dialer.openStream()
    stream.write(Buffer.alloc(20_000_000))
    await until('all is there', () => received === 20_000_000)
    // It was busy enough to want more than its share.
    expect(Math.max(...turns)).toBe(64)
  })

  it('holds up no ping of another connection of the same node', async () => {
    const pair = await pairOf({ credentials: first }, { credentials: second })
    const [a, b] = pair.nodes
    const quiet = await a.transport.connect(b.address)
    let received = 0
    pair.acceptor.onStream = (stream) => {
      stream.onData = (chunk) => {
        received += chunk.length
      }
    }
    const stream = pair.dialer.openStream()
    const pump = (): void => {
      while (stream.write(Buffer.alloc(65_536)));
    }
    stream.onWritable = pump
    pump()
    await until('it is busy', () => received > 5_000_000)
    const before = received
    for (let ping = 0; ping < 20; ping += 1) await quiet.ping()
    // In each round trip both got their turns.
    expect(received).toBeGreaterThan(before)
    stream.reset(1)
  })
})
