import type { ClusterName, NodeId, Random, Scheduler } from '@nodosum/kernel'
import { systemRandom, systemScheduler } from '@nodosum/kernel/node'
import { eventLoopDelay, type LoopDelay } from '@nodosum/membership'
import type { MessagingService } from '@nodosum/messaging'
import type { Identity } from '@nodosum/security'
import { type Credentials, findCredentials, reloadedIdentity } from './credentials.ts'
import { type Network, type NetworkParts, openNetwork } from './network.ts'
import type { IdentityOptions, LogLevel, NodeConfig } from './node-options.ts'

/** What a node has of the machine around it; a test cluster gives it others. */
export interface NodePorts {
  readonly scheduler: Scheduler
  readonly random: Random
  /** Who the node is, and what it proves that with. */
  findCredentials(config: NodeConfig, random: Random): Promise<Credentials>
  /** What it proves that with from now on. */
  reloadIdentity(options: {
    readonly config: NodeConfig
    readonly cluster: ClusterName
    readonly nodeId: NodeId
    readonly given: IdentityOptions | undefined
  }): Promise<Identity>
  /** Its ports, its transports, its connections. */
  openNetwork(parts: NetworkParts): Promise<Network>
  /** How busy this process is; closed with the node. */
  loopDelay(): LoopDelay & { close(): void }
  /** Absent where the logger is the user's own. */
  setLogLevel?(level: LogLevel): void
  /** Is shown the messaging of the node before anybody uses it. */
  watch?(messaging: MessagingService): void
}

/** The machine itself. */
export function systemPorts(): NodePorts {
  return {
    scheduler: systemScheduler(),
    random: systemRandom(),
    findCredentials,
    reloadIdentity: reloadedIdentity,
    openNetwork,
    loopDelay: eventLoopDelay,
  }
}
