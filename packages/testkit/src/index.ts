export { settle } from './settle.ts'
export { type SimulatedCertificate, simulatedIdentity } from './simulated-certificate.ts'
export type { PathQuality, SimulatedLink } from './simulated-link.ts'
export { type MeshCounters, SimulatedMesh, simulatedMesh, unkindPath } from './simulated-mesh.ts'
export {
  type LinkQuality,
  type NetworkCounters,
  type SimulatedAddress,
  type SimulatedNetwork,
  type SimulatedPort,
  simulatedNetwork,
} from './simulated-network.ts'
export {
  type SimulatedScheduler,
  type SimulatedSchedulerOptions,
  simulatedScheduler,
} from './simulated-scheduler.ts'
export { SimulatedTransport, type SimulatedTransportOptions } from './simulated-transport.ts'
