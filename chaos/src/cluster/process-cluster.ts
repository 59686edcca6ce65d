import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from '../free-ports.ts'
import { issueCredentials } from '../issue-credentials.ts'
import type { MemberSettings, NodePlace, Usage } from './member-settings.ts'
import type { Network } from './network-namespaces.ts'
import { plainProgram } from './plain-program.ts'
import { type Deed, writeDeed } from './view-ledger.ts'

export interface ClusterSettings {
  readonly nodes: number
  /** Nodes of one process; the last process has one only, so that one can be weighed. */
  readonly perProcess: number
  readonly directory: string
  /** Null: everybody is on loopback. */
  readonly network: Network | null
  /** `dist` runs what is published, after `npm run build`. */
  readonly from: 'source' | 'dist'
}

/** Nodes in processes of the operating system, and what is done to them. */
export class ProcessCluster {
  readonly directory: string
  readonly #settings: ClusterSettings
  readonly #groups: readonly { readonly side: number; readonly nodes: readonly NodePlace[] }[]
  readonly #program: string
  readonly #children = new Map<number, ChildProcess>()

  private constructor(settings: ClusterSettings, places: readonly NodePlace[]) {
    this.directory = settings.directory
    this.#settings = settings
    this.#groups = groupsOf(settings, places)
    this.#program =
      settings.from === 'dist' ? plainProgram() : join(import.meta.dirname, 'member-process.ts')
  }

  /** Decides where the nodes listen; starts none yet. */
  static async make(settings: ClusterSettings): Promise<ProcessCluster> {
    const { nodes, network, directory } = settings
    mkdirSync(directory, { recursive: true })
    const half = Math.ceil(nodes / 2)
    const ports = network === null ? await freePorts(nodes) : []
    const places = Array.from({ length: nodes }, (_, at): NodePlace => {
      const side = at < half ? 0 : 1
      const host = network?.hostOf(side, at - side * half) ?? '127.0.0.1'
      return { nodeId: `n${at}`, host, port: ports[at] ?? 6_969 }
    })
    await issueCredentials(join(directory, 'credentials'), idsOf(places))
    const seeds = places.map(({ host, port }) => `${host}:${port}`)
    writeFileSync(join(directory, 'seeds'), `${seeds.join('\n')}\n`)
    return new ProcessCluster(settings, places)
  }

  get processes(): number {
    return this.#groups.length
  }

  /** Ids of the nodes of a process. */
  nodesOf(process: number): string[] {
    return (this.#groups[process]?.nodes ?? []).map(({ nodeId }) => nodeId)
  }

  start(processes: readonly number[]): number {
    const atMs = this.#did({ kind: 'start', nodes: this.#nodesOf(processes) })
    for (const process of processes) this.#spawn(process)
    return atMs
  }

  async kill(processes: readonly number[]): Promise<number> {
    const ended = processes.map((process) => once(this.#child(process), 'exit'))
    const atMs = this.#did({ kind: 'kill', nodes: this.#nodesOf(processes) })
    for (const process of processes) this.#child(process).kill('SIGKILL')
    await Promise.all(ended)
    return atMs
  }

  pause(process: number): number {
    const atMs = this.#did({ kind: 'stop', nodes: this.nodesOf(process) })
    this.#child(process).kill('SIGSTOP')
    return atMs
  }

  resume(process: number): number {
    this.#child(process).kill('SIGCONT')
    return this.#did({ kind: 'continue', nodes: this.nodesOf(process) })
  }

  split(): number {
    this.#settings.network?.split()
    const sides = [0, 1].map((side) =>
      this.#groups.filter((group) => group.side === side).flatMap(({ nodes }) => idsOf(nodes)),
    )
    return this.#did({ kind: 'split', sides })
  }

  lose(share: number): number {
    this.#settings.network?.lose(share)
    return this.#did({ kind: 'lose', share })
  }

  heal(): number {
    const dropped = this.#settings.network?.heal() ?? 0
    return this.#did({ kind: 'heal', dropped })
  }

  async usage(process: number): Promise<Usage> {
    const child = this.#child(process)
    child.send('usage')
    const [answer] = await once(child, 'message', { signal: AbortSignal.timeout(10_000) })
    return answer as Usage
  }

  /** Ends every process, whatever state it is in. */
  async end(): Promise<void> {
    this.#did({ kind: 'end' })
    const children = [...this.#children.values()].filter(({ exitCode, signalCode }) => {
      return exitCode === null && signalCode === null
    })
    const ended = children.map((child) => once(child, 'exit'))
    for (const child of children) child.kill('SIGKILL')
    await Promise.all(ended)
  }

  #spawn(process_: number): void {
    const { network, from, directory, nodes } = this.#settings
    const group = this.#groups[process_]
    if (group === undefined) throw new Error(`there is no process ${process_}`)
    const settings: MemberSettings = {
      nodes: group.nodes,
      directory,
      credentials: join(directory, 'credentials'),
      seedsFile: join(directory, 'seeds'),
      // More than half: two clusters cannot begin.
      expect: Math.floor(nodes / 2) + 1,
      joinTimeoutMs: 120_000,
    }
    const conditions = from === 'source' ? ['-C', 'nodosum-source'] : []
    const [command = '', ...args] = [
      ...(network?.enter(group.side) ?? []),
      process.execPath,
      ...conditions,
      this.#program,
      JSON.stringify(settings),
    ]
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#children.set(process_, child)
  }

  #child(process: number): ChildProcess {
    const child = this.#children.get(process)
    if (child === undefined) throw new Error(`process ${process} was not started`)
    return child
  }

  #nodesOf(processes: readonly number[]): string[] {
    return processes.flatMap((process) => this.nodesOf(process))
  }

  #did(deed: Deed): number {
    return writeDeed(this.directory, deed)
  }
}

/** Processes of one side each; with several nodes for each, the last node has its own. */
function groupsOf(
  { nodes, perProcess }: ClusterSettings,
  places: readonly NodePlace[],
): { side: number; nodes: NodePlace[] }[] {
  const half = Math.ceil(nodes / 2)
  const groups: { side: number; nodes: NodePlace[] }[] = []
  for (const [at, place] of places.entries()) {
    const side = at < half ? 0 : 1
    const last = groups.at(-1)
    const isFull = last === undefined || last.nodes.length === perProcess || last.side !== side
    if (isFull || at === places.length - 1) groups.push({ side, nodes: [place] })
    else last.nodes.push(place)
  }
  return groups
}

function idsOf(nodes: readonly NodePlace[]): string[] {
  return nodes.map(({ nodeId }) => nodeId)
}
