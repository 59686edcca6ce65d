import { invariant, type Random, type Scheduler, type TimerHandle } from '@nodosum/kernel'
import { type DiskWriteResult, type SimulatedDisk, simulatedDisk } from './simulated-disk.ts'
import type { SimulatedAddress, SimulatedNetwork, SimulatedPort } from './simulated-network.ts'

/** What has happened on a host. */
export interface HostCounters {
  readonly starts: number
  readonly crashes: number
  readonly powerLosses: number
  readonly pauses: number
  readonly pausedMs: number
  /** Timers that were due while the process stood still. */
  readonly lateTimers: number
  /** Packets that waited in the socket meanwhile. */
  readonly queuedPackets: number
  /** Packets that found the socket's buffer full. */
  readonly overflowedPackets: number
}

/** What a program gets to see of its host. Everything here ends with the process. */
export interface SimulatedProcess {
  readonly host: string
  /** 1 for the first process of this host, then 2, and so on. */
  readonly boot: number
  readonly isRunning: boolean
  /** The host's clock: it drifts, and timers are late while the process stands still. */
  readonly scheduler: Scheduler
  /** Its own for each boot. */
  readonly random: Random
  readonly files: Pick<SimulatedDisk, 'read' | 'write'>
  /** A port of this host. */
  attach(port: number): SimulatedPort
  /** Ends the process, as returning from main does. */
  exit(): void
}

export interface SimulatedHostOptions {
  readonly name: string
  readonly scheduler: Scheduler
  readonly network: SimulatedNetwork
  readonly random: Random
  /** Runs after each timer, packet or completed write that a process of this host has handled. */
  readonly onStep?: (host: SimulatedHost) => void
  /** Runs when a process of this host has ended, however it did. */
  readonly onEnd?: (host: SimulatedHost) => void
  /** Bytes of packets that wait while the process stands still; default 212,992, as on Linux. */
  readonly socketBytesMax?: number
  /** Every timer is late by up to this many milliseconds; default 0. */
  readonly timerLatenessMs?: number
}

/** A machine with one process at a time: it pauses, crashes, comes back; its clock drifts. */
export class SimulatedHost {
  readonly name: string
  readonly disk: SimulatedDisk
  readonly counters: { -readonly [K in keyof HostCounters]: number } = {
    starts: 0,
    crashes: 0,
    powerLosses: 0,
    pauses: 0,
    pausedMs: 0,
    lateTimers: 0,
    queuedPackets: 0,
    overflowedPackets: 0,
  }
  readonly #options: SimulatedHostOptions
  #process: HostProcess | null = null
  #clock: HostClock
  #pausedUntilMs = 0
  #waking: TimerHandle | null = null
  #stalling: TimerHandle | null = null

  constructor(options: SimulatedHostOptions) {
    this.#options = options
    this.name = options.name
    this.#clock = {
      rate: 1,
      localMs: options.scheduler.nowMs(),
      sinceMs: options.scheduler.nowMs(),
    }
    const { scheduler, random } = options
    this.disk = simulatedDisk({ scheduler, random: random.stream('disk') })
  }

  /** The running process; null when there is none. */
  get process(): SimulatedProcess | null {
    return this.#process
  }

  get isRunning(): boolean {
    return this.#process !== null
  }

  /** Whether the process stands still. */
  get isPaused(): boolean {
    return this.#options.scheduler.nowMs() < this.#pausedUntilMs
  }

  /** Starts a process; the host must have none. */
  start(program: (process: SimulatedProcess) => void): SimulatedProcess {
    invariant(this.#process === null, 'a host runs one process at a time')
    this.counters.starts += 1
    const boot = this.counters.starts
    const process = new HostProcess(this, this.#options, boot, () => this.#clock)
    this.#process = process
    process.run(() => program(process))
    return process
  }

  /** SIGKILL: timers and sockets are gone at once. What was written stays, as in a page cache. */
  crash(): void {
    if (this.#process === null) return
    this.counters.crashes += 1
    this.#process.end()
  }

  /** The plug is pulled: as a crash, and writes that are not durable may be lost. */
  losePower(): void {
    this.counters.powerLosses += 1
    this.#process?.end()
    this.disk.losePower()
  }

  /** Called by the process when it ends. */
  ended(process: SimulatedProcess): void {
    if (this.#process !== process) return
    this.#process = null
    this.#pausedUntilMs = 0
    this.#waking?.cancel()
    this.#options.onEnd?.(this)
  }

  /**
   * SIGSTOP, and SIGCONT after `durationMs`: packets wait in the socket, and are handled before the
   * timers that were due meanwhile. A longer pause under way goes on.
   */
  pause(durationMs: number): void {
    if (this.#process === null || !(durationMs > 0)) return
    const { scheduler } = this.#options
    const untilMs = scheduler.nowMs() + durationMs
    if (untilMs <= this.#pausedUntilMs) return
    this.counters.pauses += 1
    this.counters.pausedMs += untilMs - Math.max(this.#pausedUntilMs, scheduler.nowMs())
    this.#pausedUntilMs = untilMs
    this.#waking?.cancel()
    this.#waking = scheduler.after(durationMs, () => this.resume())
  }

  /** Ends a pause now. */
  resume(): void {
    this.counters.pausedMs -= Math.max(0, this.#pausedUntilMs - this.#options.scheduler.nowMs())
    this.#pausedUntilMs = 0
    this.#waking?.cancel()
    this.#process?.wake()
  }

  /** A processor that others use too: from now on it stands still for `stalledMs` every `everyMs`. */
  stall(load: { everyMs: number; stalledMs: number } | null): void {
    this.#stalling?.cancel()
    this.#stalling = null
    if (load === null) return
    invariant(load.everyMs > load.stalledMs, 'a stall is shorter than its period')
    const { scheduler } = this.#options
    const again = (): void => {
      this.pause(load.stalledMs)
      this.#stalling = scheduler.after(load.everyMs, again)
    }
    again()
  }

  /** From now on the clock runs this much faster than time; 1 is exact, 1.0001 gains 100 ppm. */
  setClockRate(rate: number): void {
    invariant(rate > 0 && Number.isFinite(rate), 'a clock runs forwards')
    const sinceMs = this.#options.scheduler.nowMs()
    this.#clock = { rate, localMs: localMs(this.#clock, sinceMs), sinceMs }
  }
}

interface HostClock {
  readonly rate: number
  /** What the clock showed at `sinceMs`. */
  readonly localMs: number
  readonly sinceMs: number
}

function localMs(clock: HostClock, globalMs: number): number {
  return clock.localMs + (globalMs - clock.sinceMs) * clock.rate
}

class HostProcess implements SimulatedProcess {
  readonly host: string
  readonly boot: number
  readonly random: Random
  readonly scheduler: Scheduler
  readonly files: Pick<SimulatedDisk, 'read' | 'write'>
  isRunning = true
  readonly #owner: SimulatedHost
  readonly #options: SimulatedHostOptions
  readonly #clock: () => HostClock
  readonly #ports = new Set<SimulatedPort>()
  #lateTimers: (() => void)[] = []
  #latePackets: (() => void)[] = []
  #latePacketBytes = 0
  readonly #timerRandom: Random

  constructor(
    owner: SimulatedHost,
    options: SimulatedHostOptions,
    boot: number,
    clock: () => HostClock,
  ) {
    this.#owner = owner
    this.#options = options
    this.#clock = clock
    this.host = owner.name
    this.boot = boot
    this.random = options.random.stream(`boot ${boot}`)
    this.#timerRandom = options.random.stream(`timers of boot ${boot}`)
    const { scheduler } = options
    this.scheduler = {
      nowMs: () => localMs(this.#clock(), scheduler.nowMs()),
      wallMs: () =>
        scheduler.wallMs() + localMs(this.#clock(), scheduler.nowMs()) - scheduler.nowMs(),
      after: (delayMs, run) => this.#after(delayMs, run),
      immediate: (run) => this.#later((step) => scheduler.immediate(step), run),
    }
    this.files = {
      read: (name) => owner.disk.read(name),
      write: (name, bytes, done) => this.#write(name, bytes, done),
    }
  }

  attach(port: number): SimulatedPort {
    invariant(this.isRunning, 'a process that has ended opens no ports')
    const outer = this.#options.network.attach({ host: this.host, port })
    this.#ports.add(outer)
    const inner: SimulatedPort = {
      address: outer.address,
      onPacket: null,
      send: (bytes, to) => outer.send(bytes, to),
      detach: () => {
        outer.detach()
        this.#ports.delete(outer)
      },
    }
    outer.onPacket = (bytes, from) => this.#arrived(inner, bytes, from)
    return inner
  }

  exit(): void {
    this.end()
  }

  end(): void {
    if (!this.isRunning) return
    this.isRunning = false
    for (const port of this.#ports) port.detach()
    this.#lateTimers = []
    this.#latePackets = []
    this.#owner.ended(this)
  }

  /** One step of the program. */
  run(step: () => void): void {
    if (!this.isRunning) return
    step()
    this.#options.onStep?.(this.#owner)
  }

  wake(): void {
    const due = [...this.#latePackets, ...this.#lateTimers]
    this.#latePackets = []
    this.#lateTimers = []
    this.#latePacketBytes = 0
    for (const step of due) this.run(step)
  }

  #arrived(port: SimulatedPort, bytes: Uint8Array, from: SimulatedAddress): void {
    if (!this.#owner.isPaused) return this.run(() => port.onPacket?.(bytes, from))
    const { counters } = this.#owner
    const { socketBytesMax = 212_992 } = this.#options
    if (this.#latePacketBytes + bytes.length > socketBytesMax) {
      counters.overflowedPackets += 1
      return
    }
    counters.queuedPackets += 1
    this.#latePacketBytes += bytes.length
    this.#latePackets.push(() => port.onPacket?.(bytes, from))
  }

  #after(delayMs: number, run: () => void): TimerHandle {
    const { timerLatenessMs = 0 } = this.#options
    const latenessMs = timerLatenessMs === 0 ? 0 : this.#timerRandom.float() * timerLatenessMs
    const { rate } = this.#clock()
    // Rounding must not let a timer fire before its time by a clock that drifts.
    const globalMs = rate === 1 ? Math.max(0, delayMs) : Math.max(0, delayMs) / rate + 1e-6
    const { scheduler } = this.#options
    return this.#later((step) => scheduler.after(globalMs + latenessMs, step), run)
  }

  #later(arm: (step: () => void) => TimerHandle, run: () => void): TimerHandle {
    let isCancelled = false
    const step = (): void => {
      if (!isCancelled) run()
    }
    const timer = arm(() => {
      if (!this.isRunning || isCancelled) return
      if (this.#owner.isPaused) {
        this.#owner.counters.lateTimers += 1
        this.#lateTimers.push(step)
      } else this.run(step)
    })
    return {
      cancel: () => {
        isCancelled = true
        timer.cancel()
      },
    }
  }

  #write(name: string, bytes: Uint8Array, done?: (result: DiskWriteResult) => void): void {
    if (!this.isRunning) return
    this.#owner.disk.write(name, bytes, (result) => {
      if (done === undefined || !this.isRunning) return
      if (this.#owner.isPaused) this.#lateTimers.push(() => done(result))
      else this.run(() => done(result))
    })
  }
}
