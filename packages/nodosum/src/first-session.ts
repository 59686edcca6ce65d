import { type NodeId, NodosumError } from '@nodosum/kernel'
import { refusalOf } from './peer-trust.ts'
import type { Layers } from './wiring.ts'

/** So many members are dialed; more would say the same. */
const triedMax = 3

/**
 * Of each pair the lower id opens the session. A node with a higher id gives it this long before it
 * dials as well: a refusal is only told to the one that dials.
 */
const inboundWithinMs = 1_000

/** How often it looks whether a session has come meanwhile. */
const lookMs = 20

/**
 * Gossip needs the gossip key only; connections need certificates that both ends take. Opens a
 * session with one of the members, so that a node which nobody can talk to is not taken for ready.
 * Resolves as well when nobody else is there, or when members do not answer for another reason.
 *
 * @throws `CERT_UNTRUSTED`, `CERT_EXPIRED`, `IDENTITY_MISMATCH`, `CLUSTER_MISMATCH` when each
 *   member that was tried refuses this node's certificate or has one that this node refuses;
 *   `NODE_ID_CONFLICT`, `CANCELLED`
 */
export async function openFirstSession(
  layers: Pick<Layers, 'membership' | 'sessions' | 'nodeId' | 'scheduler' | 'random'>,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const { membership, sessions, nodeId, scheduler, random } = layers
  const { signal, timeoutMs } = options
  const alive = membership.members().filter(({ state }) => state === 'alive')
  const others = alive.map((member) => member.nodeId as NodeId).filter((id) => id !== nodeId)
  const tried = random.shuffle(others).slice(0, triedMax)
  if (tried.length === 0) return
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const waiting = new Set(tried)
  const refusals: NodosumError[] = []
  const ended = (peer: NodeId): void => {
    if (!waiting.delete(peer) || waiting.size > 0) return
    const [first] = refusals
    if (first === undefined || refusals.length < tried.length) resolve()
    else reject(nobodyTrusts(nodeId, tried, first))
  }
  const failed = (peer: NodeId, error: unknown): void => {
    if (!waiting.has(peer)) return
    const refusal = refusalOf(error)
    if (refusal !== null) refusals.push(refusal)
    ended(peer)
  }
  const abort = (): void => {
    reject(new NodosumError('ERR_NODOSUM_CANCELLED', 'joining was aborted'))
  }
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted) abort()
  const timer = scheduler.after(timeoutMs, resolve)
  // One that is suspected by now is not worth the wait.
  const unsubscribe = membership.onChange(({ member }) => {
    if (member.state !== 'alive') ended(member.nodeId as NodeId)
  })
  membership.onConflict = reject
  const dial = (peer: NodeId): void => {
    sessions.ensure(peer).then(
      () => resolve(),
      (error: unknown) => failed(peer, error),
    )
  }
  const dialAtMs = scheduler.nowMs() + inboundWithinMs
  const look = (): void => {
    if (sessions.sessions().next().done !== true) return resolve()
    if (scheduler.nowMs() < dialAtMs) looking = scheduler.after(lookMs, look)
    else for (const peer of tried) if (peer < nodeId) dial(peer)
  }
  let looking = scheduler.after(0, look)
  for (const peer of tried) if (nodeId < peer) dial(peer)
  try {
    await promise
  } finally {
    timer.cancel()
    looking.cancel()
    unsubscribe()
    signal?.removeEventListener('abort', abort)
    membership.onConflict = null
  }
}

function nobodyTrusts(nodeId: NodeId, tried: readonly NodeId[], first: NodosumError): NodosumError {
  return new NodosumError(
    first.code,
    `${nodeId} has the gossip key, but no member connects with it (tried ${tried.join(', ')}): ` +
      `${first.message}. Every node of a cluster needs a certificate that the CAs of all others take.`,
    { cause: first, details: { ...first.details, tried } },
  )
}
