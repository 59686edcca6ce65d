import type { Random } from '@nodosum/kernel'
import { coordinateDimensions } from '../wire/coordinate-codec.ts'
import type { Coordinate } from '../wire/packet.ts'
import type { ProtocolRules } from './rules.ts'

// Serf's parameters (coordinate/config.go), except that smoothing is a median of each peer's last
// three round trips only, which is what the wire's jitter asks for.
const errorMax = 1.5
const errorGain = 0.25
const moveGain = 0.25
const heightMinMs = 0.01
const gravityMs = 150
const samples = 3
/** Peers whose last round trips are kept: the next on the ring, and who was probed lately. */
const peersMax = 64

/**
 * Vivaldi (Dabek, Cox, Kaashoek, Morris, 2004): a place in eight dimensions and a height, such that
 * the distance of two places estimates their round trip without a packet between them.
 */
export class Coordinates {
  readonly #random: Random
  readonly #rules: ProtocolRules
  readonly #recent = new Map<string, number[]>()
  #own: Coordinate = {
    position: new Array<number>(coordinateDimensions).fill(0),
    height: heightMinMs,
    error: errorMax,
  }

  constructor(random: Random, rules: ProtocolRules) {
    this.#random = random
    this.#rules = rules
  }

  get own(): Coordinate {
    return this.#own
  }

  /** Moves this node's place a little so that it fits a measured round trip. False for poison. */
  observe(peer: string, theirs: Coordinate, measuredMs: number): boolean {
    if (!this.#rules.isRttSane(measuredMs)) return false
    const rttMs = Math.max(0.01, this.#median(peer, measuredMs))
    const own = this.#own
    const distanceMs = estimateRttMs(own, theirs)
    const offMs = rttMs - distanceMs
    const weight = own.error / Math.max(1e-9, own.error + theirs.error)
    const error = errorGain * weight
    const nextError = (Math.abs(offMs) / rttMs) * error + own.error * (1 - error)
    const force = moveGain * weight * offMs
    const { unit, lengthMs } = this.#direction(own.position, theirs.position)
    const pull = lengthOf(own.position) / gravityMs
    const position = own.position.map((value, at) => {
      const moved = value + (unit[at] as number) * force
      // Keeps the space near its origin, which only differences define.
      return moved - pull * pull * Math.sign(value) * Math.min(Math.abs(value), 1)
    })
    const height =
      lengthMs > 0 ? ((own.height + theirs.height) * force) / lengthMs + own.height : own.height
    this.#own = {
      position,
      height: Math.max(heightMinMs, height),
      error: Math.min(errorMax, Math.max(0.001, nextError)),
    }
    return true
  }

  forget(peer: string): void {
    this.#recent.delete(peer)
  }

  #median(peer: string, rttMs: number): number {
    const recent = this.#recent.get(peer) ?? []
    recent.push(rttMs)
    if (recent.length > samples) recent.shift()
    if (!this.#recent.has(peer) && this.#recent.size >= peersMax) {
      const [oldest] = this.#recent.keys()
      if (oldest !== undefined) this.#recent.delete(oldest)
    }
    this.#recent.set(peer, recent)
    const sorted = [...recent].sort((a, b) => a - b)
    return sorted[sorted.length >> 1] as number
  }

  /** From them to us; two at the same place part in a random direction. */
  #direction(
    own: readonly number[],
    theirs: readonly number[],
  ): { unit: readonly number[]; lengthMs: number } {
    const difference = own.map((value, at) => value - (theirs[at] as number))
    const lengthMs = lengthOf(difference)
    if (lengthMs > 1e-6) return { unit: difference.map((value) => value / lengthMs), lengthMs }
    const drawn = own.map(() => this.#random.float() - 0.5)
    const length = Math.max(1e-6, lengthOf(drawn))
    return { unit: drawn.map((value) => value / length), lengthMs: 0 }
  }
}

/** What the round trip between two places should take, in milliseconds. */
export function estimateRttMs(a: Coordinate, b: Coordinate): number {
  let sum = 0
  for (let at = 0; at < coordinateDimensions; at += 1) {
    sum += ((a.position[at] as number) - (b.position[at] as number)) ** 2
  }
  return Math.sqrt(sum) + a.height + b.height
}

function lengthOf(vector: readonly number[]): number {
  return Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0))
}
