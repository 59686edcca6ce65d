export {
  type DevelopmentDirectoryDiscoveryOptions,
  developmentDirectoryDiscovery,
} from './adapters/development-directory-discovery.ts'
export {
  type DiscoveryFunction,
  type FunctionDiscoveryOptions,
  functionDiscovery,
} from './adapters/function-discovery.ts'
export type { Lookup } from './adapters/host-lookup.ts'
export { type SeedsDiscoveryOptions, seedsDiscovery, seedsMax } from './adapters/seeds-discovery.ts'
export type { Announcement, Discovery, Found, HostPort } from './discovery.ts'
export { type DiscoveryOptions, discoveryOptions } from './options.ts'
