export {
  type DevelopmentIdentityOptions,
  developmentGossipKey,
  developmentIdentity,
} from './adapters/development-authority.ts'
export { type GossipKey, generateGossipKey, parseGossipKey } from './adapters/gossip-key.ts'
export {
  createGossipSeal,
  type GossipRefusal,
  type GossipSeal,
  type GossipSealCounters,
  type GossipSealOptions,
} from './adapters/gossip-seal.ts'
export {
  type IdentityContext,
  type IdentitySource,
  loadIdentity,
} from './adapters/load-identity.ts'
export {
  createPeerVerifier,
  type PeerVerifier,
  type PeerVerifierOptions,
} from './adapters/peer-verifier.ts'
export { type NamedNode, nodeNamedBy, parseSpiffeId, type SpiffeId } from './core/spiffe-id.ts'
export { type SecurityOptions, securityOptions } from './options.ts'
export type { Identity, IdentityMatch, PeerIdentity } from './ports.ts'
