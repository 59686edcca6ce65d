import type { Random } from '@nodosum/kernel'
import type { MembershipOptions } from '@nodosum/membership'
import type { Fault } from '@nodosum/testkit'

/** One thing that happens in a scenario, as plain data; they happen one after the other. */
export type Step =
  /** Hosts start, evenly spread over some time, which passes meanwhile. */
  | {
      readonly do: 'start'
      readonly hosts: readonly string[]
      readonly overMs: number
      /** The name of their cluster; default 'simulated'. */
      readonly cluster?: string
      /** Which of them may form a cluster by themselves; the others wait for one. */
      readonly alone?: readonly string[]
      /** All of them form once so many see each other. */
      readonly expect?: number
      /** Where they look for others; default the first three of them. */
      readonly seeds?: readonly string[]
      /** Nodes that these do not take in; default none. */
      readonly refuses?: readonly string[]
      /** The versions of packets that they speak; default all. */
      readonly speaks?: { readonly min: number; readonly max: number }
      /** Those of them that deny accusations with incarnations that no node gets to. */
      readonly liars?: readonly string[]
      /** How often they send something on connections to all they know; default never. */
      readonly trafficEveryMs?: number
    }
  /** Begins; ends by itself `forMs` later, while later steps go on. */
  | {
      readonly do: 'fault'
      readonly fault: Fault
      /** Milliseconds; null: until a `heal`, or the end. */
      readonly forMs: number | null
      /** Hosts that may be declared dead because of it; default those that it touches. */
      readonly excuses?: readonly string[]
    }
  /** They say goodbye and end. */
  | { readonly do: 'leave'; readonly hosts: readonly string[] }
  /** They announce that they will leave. */
  | { readonly do: 'drain'; readonly hosts: readonly string[] }
  /** They run these applications from now on. */
  | {
      readonly do: 'applications'
      readonly hosts: readonly string[]
      readonly applications: readonly string[]
    }
  /** They carry these tags, and no others, from now on. */
  | {
      readonly do: 'tags'
      readonly hosts: readonly string[]
      readonly tags: Readonly<Record<string, string>>
    }
  /** Each tells everybody so many pieces of news, one after the other. */
  | { readonly do: 'emit'; readonly hosts: readonly string[]; readonly count: number }
  /** Hosts without a process get one again. */
  | { readonly do: 'restart'; readonly hosts: readonly string[] }
  /** The process on a host is killed, and a node of another name starts there at once. */
  | { readonly do: 'replace'; readonly host: string; readonly by: string }
  /** Until a `heal` discovery finds nobody. */
  | { readonly do: 'lose-discovery' }
  | { readonly do: 'run'; readonly forMs: number }
  /** Every fault ends. */
  | { readonly do: 'heal' }
  /** What must come true within that time; else the scenario has failed. */
  | { readonly do: 'await'; readonly until: Goal; readonly withinMs: number }
  /** A figure must not exceed this by now. */
  | { readonly do: 'expect'; readonly metric: string; readonly max: number }
  /** Counters of bytes, deaths and detections start anew. */
  | { readonly do: 'measure' }

export type Goal =
  /** Every running node sees exactly the running ones, each with its living process. */
  | { readonly kind: 'converged' }
  /** Every running node outside the list has declared these failed. */
  | { readonly kind: 'failed'; readonly hosts: readonly string[] }
  /** Every running node knows that these have left. */
  | { readonly kind: 'left'; readonly hosts: readonly string[] }
  /** Converged, and all agree on all tags and applications, by their digests and in full. */
  | { readonly kind: 'agreed' }
  /** Everybody has heard so many pieces of news of each of these. */
  | { readonly kind: 'heard'; readonly hosts: readonly string[]; readonly count: number }

/** A situation that a cluster must master. */
export interface Scenario {
  readonly name: string
  /** One sentence: what happens, and what must hold. */
  readonly summary: string
  /** How many nodes unless told. */
  readonly nodes: number
  readonly nodesMin: number
  /** How links are; default 1 ms and up to 4 ms more. */
  readonly delayMs?: number
  readonly jitterMs?: number
  /** Bytes that wait in the socket of a node that stands still; default as on Linux. */
  readonly socketBytesMax?: number
  /** Options of every node that are not the default. */
  readonly options?: Partial<MembershipOptions>
  /** Draws come from a stream of their own, so that steps do not depend on what nodes draw. */
  steps(setting: Setting): readonly Step[]
}

export interface Setting {
  /** `n0` to `n<nodes - 1>`. */
  readonly hosts: readonly string[]
  readonly random: Random
}

/** Steps that can be left out when a failure is narrowed down: what happens to the cluster. */
export function isRemovable(step: Step): boolean {
  return ['fault', 'leave', 'drain', 'applications', 'tags', 'emit', 'restart', 'replace'].includes(
    step.do,
  )
}
