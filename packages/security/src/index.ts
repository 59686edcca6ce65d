export {
  type DevelopmentIdentityOptions,
  developmentGossipKey,
  developmentIdentity,
} from './adapters/development-authority.ts'
export { type GossipKey, generateGossipKey, parseGossipKey } from './adapters/gossip-key.ts'
export { GossipKeyRing } from './adapters/gossip-key-ring.ts'
export {
  type IdentityContext,
  type IdentitySource,
  loadIdentity,
} from './adapters/load-identity.ts'
export {
  createPacketSeal,
  type PacketRefusal,
  type PacketSeal,
  type PacketSealCounters,
  type PacketSealOptions,
} from './adapters/packet-seal.ts'
export {
  createPeerVerifier,
  type PeerVerifier,
  type PeerVerifierOptions,
} from './adapters/peer-verifier.ts'
export { type SealPurpose, sealOverheadBytes } from './core/sealed-packet.ts'
export { type NamedNode, nodeNamedBy, parseSpiffeId, type SpiffeId } from './core/spiffe-id.ts'
export { type SecurityOptions, securityOptions } from './options.ts'
export type { Identity, IdentityMatch, PeerIdentity } from './ports.ts'
