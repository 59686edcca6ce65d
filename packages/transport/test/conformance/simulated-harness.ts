/** The simulated transport as the conformance suite sees it. */
import { type NodeId, NodosumError, seededRandom } from '@nodosum/kernel'
import {
  type PathQuality,
  type SimulatedCertificate,
  type SimulatedMesh,
  type SimulatedScheduler,
  type SimulatedTransport,
  settle,
  simulatedIdentity,
  simulatedMesh,
  simulatedScheduler,
} from '@nodosum/testkit'
import type {
  ConformanceClause,
  ConformanceHarness,
  ConformanceNode,
  ConformanceNodeOptions,
  ConformanceVolumes,
  Stranger,
  StrangerLeft,
} from '../../src/conformance/index.ts'
import type { HostPort, Transport, VerifyPeer } from '../../src/index.ts'

const authority = 'common'
const dayMs = 86_400_000

export interface SimulatedHarnessOptions {
  readonly seed: string
  readonly quality?: Partial<PathQuality>
  readonly volumes?: Partial<ConformanceVolumes>
  /** Default 10 minutes: time is cheap, unless a clause is meant to fail. */
  readonly patienceMs?: number
  /** Wraps each transport, for example to break a promise. */
  readonly wrap?: (transport: Transport, scheduler: SimulatedScheduler) => Transport
}

/** A harness and the clock that has to move while a clause runs. */
export interface SimulatedHarness extends ConformanceHarness {
  readonly scheduler: SimulatedScheduler
  readonly mesh: SimulatedMesh
  /** Runs a clause on this harness, or on one that wraps it, and moves the clock. */
  run(clause: ConformanceClause, harness?: ConformanceHarness): Promise<void>
}

export function simulatedHarness(options: SimulatedHarnessOptions): SimulatedHarness {
  const scheduler = simulatedScheduler()
  const random = seededRandom(options.seed)
  const mesh = simulatedMesh({ scheduler, random, quality: options.quality ?? {} })
  let hosts = 0
  const nextAddress = (): HostPort => {
    hosts += 1
    return { host: `10.0.${hosts >> 8}.${hosts & 255}`, port: 7_000 }
  }
  const plain = (address: HostPort, protocol: string, certificate: SimulatedCertificate | null) =>
    mesh.transport({ address, certificate, authority, protocol })
  const harness: SimulatedHarness = {
    scheduler,
    mesh,
    timeScale: 1,
    patienceMs: options.patienceMs ?? 600_000,
    ...(options.volumes && { volumes: options.volumes }),
    exceptions: {},
    start: (node) => Promise.resolve(startNode(node)),
    listenOnTakenPort: async ({ address }) => {
      plain(address, 'nodosum/1', null)
    },
    approach: (node, stranger) => approach(node.address, stranger),
    listenAs: async (stranger) => {
      const address = nextAddress()
      if (stranger === 'silent') return { address, close: () => Promise.resolve() }
      const transport = plain(address, 'nodosum/0', certificateOf({ name: 'second' }))
      await transport.listen(() => {})
      return { address, close: () => transport.close() }
    },
    run: (clause, wrapper = harness) => settle(scheduler, clause.run(wrapper)),
  }

  function certificateOf(node: Pick<ConformanceNodeOptions, 'name' | 'flaw'>) {
    const cluster = node.flaw === 'other-cluster' ? 'bank' : 'shop'
    return {
      uri: `spiffe://test/nodosum/${cluster}/${node.name}`,
      authority: node.flaw === 'untrusted' ? 'stranger' : authority,
      notAfterMs: scheduler.wallMs() + (node.flaw === 'expired' ? -dayMs : dayMs),
    }
  }

  function startNode(node: ConformanceNodeOptions): ConformanceNode {
    const address = nextAddress()
    const simulated = mesh.transport({
      address,
      certificate: certificateOf(node),
      authority,
      verifyPeer: verifyCluster,
      limits: node.limits ?? {},
    })
    const transport = options.wrap?.(simulated, scheduler) ?? simulated
    return {
      transport,
      address,
      kill: () => {
        simulated.kill()
        return Promise.resolve()
      },
      isolate: () => mesh.isolate(address.host),
      close: () => transport.close(),
    }
  }

  async function approach(remote: HostPort, stranger: Stranger): Promise<StrangerLeft> {
    const local = nextAddress()
    if (stranger === 'no-certificate' || stranger === 'other-version') {
      const isOther = stranger === 'other-version'
      const certificate = isOther ? certificateOf({ name: 'first' }) : null
      const transport = plain(local, isOther ? 'nodosum/0' : 'nodosum/1', certificate)
      await useUntilRefused(transport, remote)
      return { leave: () => transport.close() }
    }
    const link = mesh.link(local, remote)
    link.send(0, { kind: 'hello', ...hello })
    if (stranger === 'garbage') {
      for (let round = 0; round < 50; round += 1) {
        const other = round % 2 === 0 ? link : mesh.link(local, remote)
        other.send(0, { kind: 'noise', bytes: random.bytes(round) })
        other.send(0, { kind: 'credit', stream: round, bytes: 2 ** 40 })
        other.send(0, { kind: 'data', stream: round, bytes: random.bytes(100) })
        other.send(0, { kind: 'finish', ...hello })
      }
    }
    return { leave: () => Promise.resolve() }
  }
  return harness
}

const hello = { protocol: 'nodosum/1', chain: [], windowBytes: 2 ** 40, idleTimeoutMs: 10_000 }

/** As a cluster's verifier: the CA and the dates were checked before. */
const verifyCluster: VerifyPeer = (chain) => {
  const identity = simulatedIdentity(chain)
  if (/^spiffe:\/\/test\/nodosum\/shop\//.test(identity.uri)) return identity
  const message = `${identity.uri} is no node of this cluster`
  throw new NodosumError('ERR_NODOSUM_IDENTITY_MISMATCH', message)
}

async function useUntilRefused(transport: SimulatedTransport, remote: HostPort): Promise<void> {
  try {
    const connection = await transport.connect(remote, { expect: 'second' as NodeId })
    connection.openStream().write(new Uint8Array(10))
    await connection.closed
  } catch {
    // Refused: what the clause sees at the other end.
  }
}
