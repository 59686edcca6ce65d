import type { HostPort, UdpPort } from '@nodosum/transport'

/** A datagram as it was on the wire. */
export interface Recorded {
  readonly bytes: Buffer
  /** Where it came from, or went to. */
  readonly peer: HostPort
}

/** What a port sent and received, in order. */
export interface Recording {
  readonly sent: Recorded[]
  readonly received: Recorded[]
  readonly wrap: (udp: UdpPort) => UdpPort
}

/** Keeps a copy of everything that passes: what an eavesdropper has. */
export function recordPort(): Recording {
  const sent: Recorded[] = []
  const received: Recorded[] = []
  const wrap = (udp: UdpPort): UdpPort => ({
    address: udp.address,
    get sendsInFlight() {
      return udp.sendsInFlight
    },
    send: (bytes, to) => {
      sent.push({ bytes: Buffer.from(bytes), peer: to })
      udp.send(bytes, to)
    },
    get onQuic() {
      return udp.onQuic
    },
    set onQuic(callback) {
      udp.onQuic =
        callback &&
        ((bytes, from) => {
          received.push({ bytes: Buffer.from(bytes), peer: from })
          callback(bytes, from)
        })
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
  return { sent, received, wrap }
}
