import { unreachable } from '@nodosum/kernel'
import type { LinkQuality } from './link-quality.ts'
import type { SimulatedHost } from './simulated-host.ts'
import type { SimulatedNetwork } from './simulated-network.ts'

/** Something that goes wrong, as plain data; it can end again. */
export type Fault =
  /** Processes are killed; when the fault ends they are started again. */
  | { readonly kind: 'crash'; readonly hosts: readonly string[] }
  /** As `crash`, and writes that are not durable may be lost. */
  | { readonly kind: 'power-loss'; readonly hosts: readonly string[] }
  /** As `crash`, and the disk is empty afterwards. */
  | { readonly kind: 'disk-loss'; readonly hosts: readonly string[] }
  /** As `crash`; the host comes back with a copy of another's disk, as from an image. */
  | { readonly kind: 'disk-clone'; readonly hosts: readonly string[]; readonly from: string }
  /** Processes stand still (SIGSTOP); without an end, for good. */
  | { readonly kind: 'pause'; readonly hosts: readonly string[] }
  /** Processes stand still again and again, as on a processor that is too busy. */
  | {
      readonly kind: 'stall'
      readonly hosts: readonly string[]
      readonly everyMs: number
      readonly stalledMs: number
    }
  /** Nothing that is written becomes durable. */
  | { readonly kind: 'disk-stall'; readonly hosts: readonly string[] }
  /** The clocks run at this rate. */
  | { readonly kind: 'drift'; readonly hosts: readonly string[]; readonly rate: number }
  /** Groups of hosts do not reach each other; replaces the partition before it. */
  | { readonly kind: 'partition'; readonly groups: readonly (readonly string[])[] }
  /** Packets of the one do not reach the other, in this direction only. */
  | { readonly kind: 'cut'; readonly from: readonly string[]; readonly to: readonly string[] }
  /** What enters or leaves these hosts fares worse. */
  | {
      readonly kind: 'degrade'
      readonly hosts: readonly string[]
      readonly direction: 'ingress' | 'egress'
      readonly quality: Partial<LinkQuality>
    }
  /** The links from the one to the other have their own quality, in this direction only. */
  | {
      readonly kind: 'link'
      readonly from: readonly string[]
      readonly to: readonly string[]
      readonly quality: Partial<LinkQuality>
    }

export type FaultKind = Fault['kind']

/** A fault and when it happens. */
export interface PlannedFault {
  /** Milliseconds after the plan was scheduled. */
  readonly atMs: number
  /** How long it lasts; null: until the end. */
  readonly forMs: number | null
  readonly fault: Fault
}

/** Every kind of fault. */
export const faultKinds: readonly FaultKind[] = [
  'crash',
  'power-loss',
  'disk-loss',
  'disk-clone',
  'pause',
  'stall',
  'disk-stall',
  'drift',
  'partition',
  'cut',
  'degrade',
  'link',
]

/** What faults happen to. */
export interface FaultTargets {
  readonly network: SimulatedNetwork
  host(name: string): SimulatedHost
  /** Starts the host's program again, unless it runs. */
  restart(host: SimulatedHost): void
}

/** A fault without an end lasts this long, longer than any run. */
const foreverMs = 1e12

/**
 * Makes a fault happen.
 *
 * @param forMs how long it will last, null when it is not known to end
 * @returns ends it; does nothing when called again
 */
export function inflict(targets: FaultTargets, fault: Fault, forMs: number | null): () => void {
  let end: (() => void) | null = begin(targets, fault, forMs ?? foreverMs)
  return () => {
    end?.()
    end = null
  }
}

function begin(targets: FaultTargets, fault: Fault, forMs: number): () => void {
  const { network } = targets
  const each = (run: (host: SimulatedHost) => void): void => {
    if ('hosts' in fault) for (const name of fault.hosts) run(targets.host(name))
  }
  const restart = (): void => each((host) => targets.restart(host))
  switch (fault.kind) {
    case 'crash':
      each((host) => host.crash())
      return restart
    case 'power-loss':
      each((host) => host.losePower())
      return restart
    case 'disk-loss':
      each((host) => {
        host.crash()
        host.disk.wipe()
      })
      return restart
    case 'disk-clone':
      each((host) => {
        host.crash()
        host.disk.cloneFrom(targets.host(fault.from).disk)
      })
      return restart
    case 'pause':
      each((host) => host.pause(forMs))
      return () => each((host) => host.resume())
    case 'stall':
      each((host) => host.stall(fault))
      return () => each((host) => host.stall(null))
    case 'disk-stall':
      each((host) => host.disk.stall(forMs))
      return () => each((host) => host.disk.stall(0))
    case 'drift':
      each((host) => host.setClockRate(fault.rate))
      return () => each((host) => host.setClockRate(1))
    default:
      return beginOnNetwork(network, fault)
  }
}

function beginOnNetwork(
  network: SimulatedNetwork,
  fault: Extract<Fault, { kind: 'partition' | 'cut' | 'degrade' | 'link' }>,
): () => void {
  switch (fault.kind) {
    case 'partition':
      return network.partition(...fault.groups)
    case 'cut':
      pairs(fault, (from, to) => network.cut(from, to))
      return () => pairs(fault, (from, to) => network.mend(from, to))
    case 'degrade':
      for (const host of fault.hosts) network.setHost(host, fault.direction, fault.quality)
      return () => {
        for (const host of fault.hosts) network.setHost(host, fault.direction, null)
      }
    case 'link':
      pairs(fault, (from, to) => network.setLink(from, to, fault.quality))
      return () => pairs(fault, (from, to) => network.setLink(from, to, null))
    default:
      return unreachable(fault)
  }
}

function pairs(
  fault: { readonly from: readonly string[]; readonly to: readonly string[] },
  run: (from: string, to: string) => void,
): void {
  for (const from of fault.from) {
    for (const to of fault.to) if (from !== to) run(from, to)
  }
}
