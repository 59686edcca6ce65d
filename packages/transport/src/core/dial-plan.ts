/** The kinds of transport that there are. */
export type TransportKind = 'quic' | 'h2' | 'simulated'

/** Where a peer can be reached: one host, and the port of each kind of transport. */
export interface PeerAddress {
  /** IP literal. */
  readonly host: string
  /** QUIC; 0 when the peer does not listen there. */
  readonly udpPort: number
  /** HTTP/2; 0 when the peer does not listen there. */
  readonly tcpPort: number
}

/** The addresses that one transport can dial, in order. */
export interface DialRoute {
  readonly kind: TransportKind
  readonly addresses: readonly { readonly host: string; readonly port: number }[]
}

/** For each transport that can reach the peer, in order of preference, the addresses to try. */
export function planDial(
  kinds: readonly TransportKind[],
  addresses: readonly PeerAddress[],
  addressesMax: number,
): DialRoute[] {
  const tried = addresses.slice(0, addressesMax)
  return kinds
    .map((kind) => ({
      kind,
      addresses: tried
        .map(({ host, udpPort, tcpPort }) => ({ host, port: kind === 'h2' ? tcpPort : udpPort }))
        .filter(({ port }) => port !== 0),
    }))
    .filter((route) => route.addresses.length > 0)
}
