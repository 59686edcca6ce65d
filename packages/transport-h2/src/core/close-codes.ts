/** Codes of this layer for streams and connections, far from those that applications choose. */
export const layerCodes = {
  /** The write buffer of a stream reached its hard limit. */
  bufferOverflow: 0x4e6f_0001,
  /** The peer opened more streams than the limit. */
  streamRefused: 0x4e6f_0002,
  /** A callback of the application threw. */
  callbackFailed: 0x4e6f_0003,
  /** The engine failed, or gave up a stream by itself. */
  engineFailed: 0x4e6f_0004,
  /** The transport is closing down. */
  shutDown: 0x4e6f_0005,
  /** The peer broke the rules of this protocol. */
  protocolViolation: 0x4e6f_0006,
  /** The peer is not who it must be, or speaks another version. */
  peerRefused: 0x4e6f_0007,
} as const
