import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { describe, expect, it, onTestFinished } from 'vitest'
import { dropsIn, systemDrops } from '../../src/adapters/system-drops.ts'
import { bindUdpPort } from '../../src/index.ts'

const table = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
   17: 0100007F:1B39 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 11 2 0 5
   18: 0200007F:1B39 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12 2 0 77
`

describe('datagrams that the system dropped', () => {
  it('are those of the socket with this address and port', () => {
    expect(dropsIn(table, '0200007F', 6969)).toBe(77)
    expect(dropsIn(table, '', 6969)).toBe(5)
    expect(dropsIn(table, '0300007F', 6969)).toBeNull()
    expect(dropsIn(table, '', 6970)).toBeNull()
    expect(dropsIn('', '', 6969)).toBeNull()
  })

  it('are counted when nobody fetches them in time, on IPv4 and IPv6', async () => {
    for (const host of ['127.0.0.1', '::1']) {
      const port = await bindUdpPort({ host, port: 0, receiveBufferBytes: 65_536 })
      onTestFinished(() => port.close())
      expect(port.stats().droppedBySystem).toBe(0)
      const sender = createSocket(host === '::1' ? 'udp6' : 'udp4')
      onTestFinished(() => void sender.close())
      sender.connect(port.address.port, host)
      await once(sender, 'connect')
      // In one turn of the event loop, so that the port has none to fetch them.
      const sent = Promise.withResolvers<void>()
      for (let index = 0; index < 500; index += 1) {
        sender.send(Buffer.alloc(1_200), index === 499 ? () => sent.resolve() : undefined)
      }
      expect(systemDrops(port.address)).toBeGreaterThan(0)
      await sent.promise
      expect(port.stats().droppedBySystem).toBeGreaterThan(0)
    }
  })
})
