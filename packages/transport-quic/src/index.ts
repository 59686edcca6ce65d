export type { QuicTransportOptions } from './create-quic-transport.ts'
export { createQuicTransport } from './create-quic-transport.ts'
export type { QuicOptions, QuicSettings } from './options.ts'
export { quicOptions } from './options.ts'
