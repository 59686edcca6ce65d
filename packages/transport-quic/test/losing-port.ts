import { seededRandom } from '@nodosum/kernel'
import type { UdpPort } from '@nodosum/transport'

/** Loses a share of what is sent, the same packets for the same seed. */
export function losing(rate: number, seed = 'loss'): (udp: UdpPort) => UdpPort {
  const random = seededRandom(seed)
  return dropping(() => random.float() < rate)
}

/** Loses the datagrams of which the function says so, by their number from 0. */
export function dropping(isLost: (number: number) => boolean): (udp: UdpPort) => UdpPort {
  let count = 0
  return (udp) => ({
    address: udp.address,
    get sendsInFlight() {
      return udp.sendsInFlight
    },
    send: (bytes, to) => {
      if (!isLost(count++)) udp.send(bytes, to)
    },
    get onQuic() {
      return udp.onQuic
    },
    set onQuic(callback) {
      udp.onQuic = callback
    },
    get onPacket() {
      return udp.onPacket
    },
    set onPacket(callback) {
      udp.onPacket = callback
    },
    stats: () => udp.stats(),
    close: () => udp.close(),
  })
}
