import type { HostPort } from '@nodosum/transport'
import type { Member } from './api.ts'

/** Of several members with one address, the one that is most likely there comes last. */
const certainty: Readonly<Record<Member['state'], number>> = {
  left: 0,
  failed: 1,
  suspect: 2,
  draining: 3,
  alive: 4,
}

/**
 * Which start of which node is at a UDP address, as far as membership knows: sealed handshakes are
 * for one process and no other. Computed once for each view, so that asking costs one look.
 */
export class ProcessAddresses {
  readonly #members: () => readonly Member[]
  #bootIds: Map<string, string> | null = null

  constructor(members: () => readonly Member[]) {
    this.#members = members
  }

  /** The view has changed. */
  changed(): void {
    this.#bootIds = null
  }

  /** Its boot id; undefined when no member has this address. */
  at({ host, port }: HostPort): string | undefined {
    this.#bootIds ??= this.#indexed()
    return this.#bootIds.get(keyOf(host, port))
  }

  #indexed(): Map<string, string> {
    const byCertainty = this.#members().toSorted((a, b) => certainty[a.state] - certainty[b.state])
    return new Map(
      byCertainty.flatMap(({ addresses, bootId }) =>
        addresses.map(({ host, udpPort }): [string, string] => [keyOf(host, udpPort), bootId]),
      ),
    )
  }
}

function keyOf(host: string, port: number): string {
  return `${host} ${port}`
}
