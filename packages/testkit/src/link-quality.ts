/** How packets fare on their way; each packet draws anew. */
export interface LinkQuality {
  /** Milliseconds that every packet takes. */
  readonly delayMs: number
  /** Up to this many milliseconds more, so packets overtake each other. */
  readonly jitterMs: number
  /** Share of packets that vanish, 0 to 1. */
  readonly loss: number
  /** Share of packets that arrive twice, 0 to 1. */
  readonly duplication: number
  /** Share of packets that are held back, 0 to 1. */
  readonly reordering: number
  /** How long those are held back, in milliseconds. */
  readonly reorderedByMs: number
  /** Larger packets vanish. */
  readonly mtuBytes: number
}

export const perfectLink: LinkQuality = {
  delayMs: 1,
  jitterMs: 0,
  loss: 0,
  duplication: 0,
  reordering: 0,
  reorderedByMs: 50,
  mtuBytes: 65_507,
}

const nothingAdded: LinkQuality = { ...perfectLink, delayMs: 0, reorderedByMs: 0 }

/** What a packet meets that goes through both, one after the other. */
function inSeries(a: LinkQuality, b: LinkQuality): LinkQuality {
  const either = (first: number, second: number): number => 1 - (1 - first) * (1 - second)
  return {
    delayMs: a.delayMs + b.delayMs,
    jitterMs: a.jitterMs + b.jitterMs,
    loss: either(a.loss, b.loss),
    duplication: either(a.duplication, b.duplication),
    reordering: either(a.reordering, b.reordering),
    reorderedByMs: Math.max(a.reorderedByMs, b.reorderedByMs),
    mtuBytes: Math.min(a.mtuBytes, b.mtuBytes),
  }
}

/**
 * The quality of each link: the one of the network, replaced field by field where a link from one
 * host to another has its own, and in series with what leaves the sender and enters the receiver.
 */
export class LinkQualities {
  #base: LinkQuality
  readonly #links = new Map<string, Partial<LinkQuality>>()
  readonly #egress = new Map<string, LinkQuality>()
  readonly #ingress = new Map<string, LinkQuality>()

  constructor(base: Partial<LinkQuality>) {
    this.#base = { ...perfectLink, ...base }
  }

  setBase(quality: Partial<LinkQuality>): void {
    this.#base = { ...this.#base, ...quality }
  }

  setLink(from: string, to: string, quality: Partial<LinkQuality> | null): void {
    put(this.#links, `${from}>${to}`, quality)
  }

  setHost(
    host: string,
    direction: 'egress' | 'ingress',
    quality: Partial<LinkQuality> | null,
  ): void {
    const side = direction === 'egress' ? this.#egress : this.#ingress
    put(side, host, quality === null ? null : { ...nothingAdded, ...quality })
  }

  between(from: string, to: string): LinkQuality {
    let quality = this.#base
    if (this.#links.size > 0) {
      const own = this.#links.get(`${from}>${to}`)
      if (own !== undefined) quality = { ...quality, ...own }
    }
    const egress = this.#egress.size > 0 ? this.#egress.get(from) : undefined
    if (egress !== undefined) quality = inSeries(quality, egress)
    const ingress = this.#ingress.size > 0 ? this.#ingress.get(to) : undefined
    return ingress === undefined ? quality : inSeries(quality, ingress)
  }
}

function put<V>(map: Map<string, V>, key: string, value: V | null): void {
  if (value === null) map.delete(key)
  else map.set(key, value)
}
