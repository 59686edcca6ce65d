export {
  type Fault,
  type FaultKind,
  type FaultTargets,
  faultKinds,
  inflict,
  type PlannedFault,
} from './faults.ts'
export {
  type CheckpointCheck,
  InvariantChecks,
  type StepCheck,
  type Violation,
} from './invariant-checks.ts'
export type { LinkQuality } from './link-quality.ts'
export { type Minimised, minimise } from './minimise.ts'
export { randomFaults } from './random-faults.ts'
export {
  type DiskCounters,
  type DiskWriteResult,
  type SimulatedDisk,
  simulatedDisk,
} from './simulated-disk.ts'
export {
  type HostCounters,
  SimulatedHost,
  type SimulatedHostOptions,
  type SimulatedProcess,
} from './simulated-host.ts'
export {
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
export { Simulation, type SimulationOptions } from './simulation.ts'
export { TraceHash } from './trace-hash.ts'
