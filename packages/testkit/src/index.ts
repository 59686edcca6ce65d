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
