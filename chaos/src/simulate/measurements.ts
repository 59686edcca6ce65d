import { percentile } from './percentile.ts'

/** A crash and when each observer had noticed it. */
interface Victim {
  readonly crashedAtMs: number
  readonly boot: number
  suspectedAtMs: number | null
  readonly latenciesMs: Map<string, number>
  /** Who ran when it crashed, runs still, and has not noticed yet. */
  readonly waiting: Set<string>
}

interface Traffic {
  sinceMs: number
  sentBytes: number
  second: number
  sentThisSecond: number
  receivedThisSecond: number
  mostInASecond: number
}

/** A node that a fault has touched while it runs, and what the others made of it. */
interface Hurt {
  readonly sinceMs: number
  /** By observer: when it was first declared dead, and how often. */
  readonly removals: Map<string, { readonly firstMs: number; times: number }>
  /** When the last of the healthy observers had done so; null while one has not. */
  everywhereMs: number | null
}

/** What is measured in a run, in virtual time; starts anew with the step `measure`. */
export class Measurements {
  #sinceMs = 0
  #traffic = new Map<string, Traffic>()
  #victims = new Map<string, Victim>()
  #sizes = new Set<number>()
  #hurt = new Map<string, Hurt>()
  #hurtRemoved: number | null = null
  #convergedMs: number | null = null
  /** Living processes that somebody declared dead, each time. */
  falseDeaths = 0
  /** Those of them that no fault excuses. */
  healthyDeaths = 0
  suspicions = 0
  /** Those of nodes that live and that no fault touches. */
  healthySuspicions = 0
  refutations = 0

  reset(nowMs: number): void {
    this.#sinceMs = nowMs
    this.#traffic = new Map()
    this.#victims = new Map()
    this.#sizes = new Set()
    this.#hurt = new Map()
    this.#hurtRemoved = null
    this.falseDeaths = 0
    this.healthyDeaths = 0
    this.suspicions = 0
    this.healthySuspicions = 0
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

  /** @param observers who should notice: everybody else that runs */
  crashed(nowMs: number, host: string, boot: number, observers: readonly string[]): void {
    this.#victims.set(host, {
      crashedAtMs: nowMs,
      boot,
      suspectedAtMs: null,
      latenciesMs: new Map(),
      waiting: new Set(observers),
    })
  }

  /** A process has ended, however: nobody waits for it to notice anything. */
  ended(host: string): void {
    for (const { waiting } of this.#victims.values()) waiting.delete(host)
  }

  /** Somebody knows a newer process of a node, and so that the old one is gone. */
  replaced(nowMs: number, observer: string, subject: string, boot: number): void {
    const victim = this.#victims.get(subject)
    if (victim !== undefined && boot > victim.boot) this.#noticed(nowMs, victim, observer)
  }

  /** A fault touches these; only the first one counts. */
  hurts(nowMs: number, hosts: readonly string[]): void {
    for (const host of hosts) {
      if (this.#hurt.has(host)) continue
      this.#hurt.set(host, { sinceMs: nowMs, removals: new Map(), everywhereMs: null })
    }
  }

  /** Faults end: what the healthy ones believe of the others now is what counts. */
  heals(
    observers: readonly string[],
    isRemovedAt: (subject: string, observer: string) => boolean,
  ): void {
    const healthy = observers.filter((observer) => !this.#hurt.has(observer))
    if (this.#hurt.size === 0 || healthy.length === 0 || this.#hurtRemoved !== null) return
    let removed = 0
    for (const [host, hurt] of this.#hurt) {
      if (healthy.every((observer) => isRemovedAt(host, observer))) removed += 1
      const firsts = healthy.map((observer) => hurt.removals.get(observer)?.firstMs)
      const last = firsts.reduce<number>((most, at) => Math.max(most, at ?? Number.NaN), 0)
      hurt.everywhereMs = Number.isNaN(last) ? null : last - hurt.sinceMs
    }
    this.#hurtRemoved = removed / this.#hurt.size
  }

  /** @param isHealthy whether it lives and no fault touches it */
  suspected(nowMs: number, subject: string, boot: number, isHealthy: boolean): void {
    this.suspicions += 1
    if (isHealthy) this.healthySuspicions += 1
    const victim = this.#victims.get(subject)
    if (victim?.boot === boot) victim.suspectedAtMs ??= nowMs
  }

  declaredDead(nowMs: number, observer: string, subject: string, boot: number): void {
    const hurt = this.#hurtRemoved === null ? this.#hurt.get(subject) : undefined
    const removal = hurt?.removals.get(observer)
    if (removal !== undefined) removal.times += 1
    else hurt?.removals.set(observer, { firstMs: nowMs, times: 1 })
    const victim = this.#victims.get(subject)
    if (victim?.boot === boot) this.#noticed(nowMs, victim, observer)
  }

  /** A view with so many members was published. */
  published(size: number): void {
    this.#sizes.add(size)
  }

  converged(nowMs: number): void {
    this.#convergedMs ??= nowMs
  }

  /**
   * Every figure by its name; times in milliseconds, rates in bytes per second. What never happened
   * took infinitely long, which is null as JSON.
   */
  metrics(nowMs: number): Record<string, number> {
    const everywhere = [...this.#victims.values()]
      .filter(({ latenciesMs, waiting }) => latenciesMs.size + waiting.size > 0)
      .map(({ latenciesMs, waiting }) =>
        waiting.size > 0 ? Number.POSITIVE_INFINITY : Math.max(...latenciesMs.values()),
      )
    const firsts = [...this.#victims.values()]
      .filter(({ latenciesMs }) => latenciesMs.size > 0)
      .map(({ latenciesMs }) => Math.min(...latenciesMs.values()))
    const suspected = [...this.#victims.values()].flatMap(({ suspectedAtMs, crashedAtMs }) =>
      suspectedAtMs === null ? [] : [suspectedAtMs - crashedAtMs],
    )
    const rates = [...this.#traffic.values()].map(
      ({ sentBytes, sinceMs }) => sentBytes / Math.max(1, (nowMs - sinceMs) / 1_000),
    )
    const most = [...this.#traffic.values()].map((traffic) => mostOf(traffic))
    const detection: Record<string, number> =
      this.#victims.size === 0
        ? {}
        : {
            crashes: this.#victims.size,
            crashesUndetected: everywhere.filter((latencyMs) => !Number.isFinite(latencyMs)).length,
            ...(suspected.length > 0 && { suspectedFirstMeanMs: round(mean(suspected)) }),
            ...(firsts.length > 0 && { detectedFirstP50Ms: round(percentile(firsts, 0.5)) }),
            ...(everywhere.length > 0 && {
              detectedEverywhereP50Ms: round(percentile(everywhere, 0.5)),
              detectedEverywhereP99Ms: round(percentile(everywhere, 0.99)),
            }),
          }
    return {
      ...(this.#convergedMs !== null && { convergedMs: round(this.#convergedMs) }),
      distinctSizesSeen: this.#sizes.size,
      ...detection,
      ...this.#hurtMetrics(),
      falseDeaths: this.falseDeaths,
      healthyDeaths: this.healthyDeaths,
      suspicions: this.suspicions,
      healthySuspicions: this.healthySuspicions,
      refutations: this.refutations,
      meanBytesPerSecondPerNode: round(
        rates.reduce((a, b) => a + b, 0) / Math.max(1, rates.length),
      ),
      maxBytesPerSecondPerNode: most.reduce((a, b) => Math.max(a, b), 0),
    }
  }

  /** Of nodes that were hurt and went on running, until the first `heal`. */
  #hurtMetrics(): Record<string, number> {
    if (this.#hurtRemoved === null) return {}
    const hurt = [...this.#hurt.values()]
    const everywhere = hurt.map(({ everywhereMs }) => everywhereMs)
    const times = hurt.flatMap(({ removals }) => [...removals.values()].map((one) => one.times))
    const last = everywhere.reduce<number>((most, ms) => Math.max(most, ms ?? Number.NaN), 0)
    return {
      hurtRemovedShare: round(this.#hurtRemoved),
      hurtRemovalsMost: times.reduce((a, b) => Math.max(a, b), 0),
      ...(!Number.isNaN(last) && { hurtRemovedEverywhereMs: round(last) }),
    }
  }

  #noticed(nowMs: number, victim: Victim, observer: string): void {
    if (victim.waiting.delete(observer)) {
      victim.latenciesMs.set(observer, nowMs - victim.crashedAtMs)
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

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / Math.max(1, values.length)
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
