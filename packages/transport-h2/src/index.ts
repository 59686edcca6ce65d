export type { H2TransportOptions } from './create-h2-transport.ts'
export { createH2Transport } from './create-h2-transport.ts'
export type { H2Options, H2Settings } from './options.ts'
export { h2Options } from './options.ts'
