export { type ConsulDiscoveryOptions, consulDiscovery } from './adapters/consul-discovery.ts'
export {
  type DevelopmentDirectoryDiscoveryOptions,
  developmentDirectoryDiscovery,
} from './adapters/development-directory-discovery.ts'
export { type DnsDiscoveryOptions, dnsDiscovery, serversMax } from './adapters/dns-discovery.ts'
export { type FileDiscoveryOptions, fileDiscovery } from './adapters/file-discovery.ts'
export {
  type DiscoveryFunction,
  type FunctionDiscoveryOptions,
  functionDiscovery,
} from './adapters/function-discovery.ts'
export type { Lookup } from './adapters/host-lookup.ts'
export {
  type KubernetesDiscoveryOptions,
  kubernetesDiscovery,
} from './adapters/kubernetes-discovery.ts'
export { type SeedsDiscoveryOptions, seedsDiscovery, seedsMax } from './adapters/seeds-discovery.ts'
export { severalDiscoveries } from './adapters/several-discoveries.ts'
export type { Announcement, Discovery, Found, HostPort, NothingFound } from './discovery.ts'
export { type DiscoveryOptions, discoveryOptions } from './options.ts'
