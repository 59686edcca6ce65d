/** Clusters in memory, for tests of modules that use `nodosum`. */
export type { DeliveryAccount, RecordedDelivery } from './delivery-book.ts'
export type { NetworkQuality } from './memory-network.ts'
export {
  createTestCluster,
  type DeliveryMatch,
  type TestCluster,
  type WaitOptions,
} from './test-cluster.ts'
export type { TestClusterOptions, TestNodeOptions } from './test-cluster-options.ts'
