import { percentile } from './percentile.ts'

/** A crash and when each observer had declared it. */
interface Victim {
  readonly crashedAtMs: number
  readonly boot: number
  readonly latenciesMs: Map<string, number>
}

interface Traffic {
  sinceMs: number
  sentBytes: number
  second: number
  sentThisSecond: number
  receivedThisSecond: number
  mostInASecond: number
}

/** What is measured in a run, in virtual time; starts anew with the step `measure`. */
export class Measurements {
  #sinceMs = 0
  #traffic = new Map<string, Traffic>()
  #victims = new Map<string, Victim>()
  #sizes = new Set<number>()
  #convergedMs: number | null = null
  /** Living processes that somebody declared dead, each time. */
  falseDeaths = 0
  suspicions = 0
  refutations = 0

  reset(nowMs: number): void {
    this.#sinceMs = nowMs
    this.#traffic = new Map()
    this.#victims = new Map()
    this.#sizes = new Set()
    this.falseDeaths = 0
    this.suspicions = 0
    this.refutations = 0
  }

  sent(nowMs: number, host: string, bytes: number): void {
    const traffic = this.#of(nowMs, host)
    traffic.sentBytes += bytes
    traffic.sentThisSecond += bytes
  }

  received(nowMs: number, host: string, bytes: number): void {
    this.#of(nowMs, host).receivedThisSecond += bytes
  }

  crashed(nowMs: number, host: string, boot: number): void {
    this.#victims.set(host, { crashedAtMs: nowMs, boot, latenciesMs: new Map() })
  }

  declaredDead(nowMs: number, observer: string, subject: string, boot: number): void {
    const victim = this.#victims.get(subject)
    if (victim === undefined || victim.boot !== boot || victim.latenciesMs.has(observer)) return
    victim.latenciesMs.set(observer, nowMs - victim.crashedAtMs)
  }

  /** A view with so many members was published. */
  published(size: number): void {
    this.#sizes.add(size)
  }

  converged(nowMs: number): void {
    this.#convergedMs ??= nowMs
  }

  /** Every figure by its name; times in milliseconds, rates in bytes per second. */
  metrics(nowMs: number): Record<string, number> {
    const everywhere = [...this.#victims.values()]
      .filter(({ latenciesMs }) => latenciesMs.size > 0)
      .map(({ latenciesMs }) => Math.max(...latenciesMs.values()))
    const firsts = [...this.#victims.values()]
      .filter(({ latenciesMs }) => latenciesMs.size > 0)
      .map(({ latenciesMs }) => Math.min(...latenciesMs.values()))
    const rates = [...this.#traffic.values()].map(
      ({ sentBytes, sinceMs }) => sentBytes / Math.max(1, (nowMs - sinceMs) / 1_000),
    )
    const most = [...this.#traffic.values()].map((traffic) => mostOf(traffic))
    const detection: Record<string, number> =
      this.#victims.size === 0
        ? {}
        : {
            crashes: this.#victims.size,
            crashesUndetected: this.#victims.size - everywhere.length,
            ...(everywhere.length > 0 && {
              detectedFirstP50Ms: round(percentile(firsts, 0.5)),
              detectedEverywhereP50Ms: round(percentile(everywhere, 0.5)),
              detectedEverywhereP99Ms: round(percentile(everywhere, 0.99)),
            }),
          }
    return {
      ...(this.#convergedMs !== null && { convergedMs: round(this.#convergedMs) }),
      distinctSizesSeen: this.#sizes.size,
      ...detection,
      falseDeaths: this.falseDeaths,
      suspicions: this.suspicions,
      refutations: this.refutations,
      meanBytesPerSecondPerNode: round(
        rates.reduce((a, b) => a + b, 0) / Math.max(1, rates.length),
      ),
      maxBytesPerSecondPerNode: most.reduce((a, b) => Math.max(a, b), 0),
    }
  }

  #of(nowMs: number, host: string): Traffic {
    let traffic = this.#traffic.get(host)
    const second = Math.floor(nowMs / 1_000)
    if (traffic === undefined) {
      traffic = {
        sinceMs: this.#traffic.size === 0 ? this.#sinceMs : Math.max(this.#sinceMs, nowMs),
        sentBytes: 0,
        second,
        sentThisSecond: 0,
        receivedThisSecond: 0,
        mostInASecond: 0,
      }
      this.#traffic.set(host, traffic)
    } else if (traffic.second !== second) {
      traffic.mostInASecond = mostOf(traffic)
      traffic.second = second
      traffic.sentThisSecond = 0
      traffic.receivedThisSecond = 0
    }
    return traffic
  }
}

function mostOf(traffic: Traffic): number {
  return Math.max(traffic.mostInASecond, traffic.sentThisSecond, traffic.receivedThisSecond)
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
