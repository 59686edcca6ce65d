/** A datagram under way. */
export interface QueuedPacket<Lane> {
  readonly atMs: number
  /** How many datagrams had come before it; copies of one share a number. */
  readonly arrival: number
  readonly bytes: Uint8Array
  readonly lane: Lane
}

interface Entry<Lane> extends QueuedPacket<Lane> {
  readonly order: number
}

/** Datagrams under way, earliest departure first: a binary heap with bounds in both measures. */
export class PacketQueue<Lane> {
  readonly #packetsMax: number
  readonly #bytesMax: number
  readonly #heap: Entry<Lane>[] = []
  #bytes = 0
  #offered = 0

  constructor(bounds: { readonly packetsMax: number; readonly bytesMax: number }) {
    this.#packetsMax = bounds.packetsMax
    this.#bytesMax = bounds.bytesMax
  }

  get packets(): number {
    return this.#heap.length
  }

  get bytes(): number {
    return this.#bytes
  }

  /** When the earliest is due; undefined when there is none. */
  get nextAtMs(): number | undefined {
    return this.#heap[0]?.atMs
  }

  /** False, and nothing happens, when it does not fit. */
  offer(packet: QueuedPacket<Lane>): boolean {
    if (this.#heap.length >= this.#packetsMax) return false
    if (this.#bytes + packet.bytes.length > this.#bytesMax) return false
    this.#bytes += packet.bytes.length
    const entry = { ...packet, order: this.#offered++ }
    const heap = this.#heap
    let at = heap.push(entry) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(entry, heap[parent] as Entry<Lane>)) break
      heap[at] = heap[parent] as Entry<Lane>
      at = parent
    }
    heap[at] = entry
    return true
  }

  clear(): void {
    this.#heap.length = 0
    this.#bytes = 0
  }

  /** Takes the earliest if it is due. */
  poll(nowMs: number): QueuedPacket<Lane> | undefined {
    const heap = this.#heap
    const [first] = heap
    if (first === undefined || first.atMs > nowMs) return undefined
    this.#bytes -= first.bytes.length
    const last = heap.pop() as Entry<Lane>
    if (heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      const right = child + 1
      if (right < heap.length && isBefore(heap[right] as Entry<Lane>, heap[child] as Entry<Lane>)) {
        child = right
      }
      if (child >= heap.length || !isBefore(heap[child] as Entry<Lane>, last)) break
      heap[at] = heap[child] as Entry<Lane>
      at = child
    }
    heap[at] = last
    return first
  }
}

function isBefore(a: Entry<unknown>, b: Entry<unknown>): boolean {
  return a.atMs === b.atMs ? a.order < b.order : a.atMs < b.atMs
}
