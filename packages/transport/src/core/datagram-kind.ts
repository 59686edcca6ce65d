/**
 * What shares one UDP port, told apart by the first byte alone:
 *
 * | first byte   | kind        | what it is                                                       |
 * | ------------ | ----------- | ---------------------------------------------------------------- |
 * | 0x00 to 0x0f | `gossip`    | sealed packet of membership; the low four bits are its version    |
 * | 0x10 to 0x1f | `handshake` | sealed QUIC datagram with a long header, or a word beside it      |
 * | 0x20 to 0x3f | `none`      | not in use                                                       |
 * | 0x40 to 0x7f | `short`     | QUIC, short header: an established connection                    |
 * | 0x80 to 0xbf | `none`      | not in use: QUIC version 1 always sets bit 0x40 (RFC 9000, 17.2) |
 * | 0xc0 to 0xff | `long`      | QUIC, long header in the clear: only where there is no seal      |
 */
export type DatagramKind = 'gossip' | 'handshake' | 'short' | 'long' | 'none'

export function datagramKind(first: number): DatagramKind {
  switch (first & 0xc0) {
    case 0x40:
      return 'short'
    case 0xc0:
      return 'long'
    case 0x80:
      return 'none'
    default:
      return first < 0x10 ? 'gossip' : first < 0x20 ? 'handshake' : 'none'
  }
}
