/** The versions of the packets that this code speaks. */
export const packetVersions = { min: 1, max: 1 } as const

/** The largest packet before it is sealed: fits any path once the seal's 45 bytes are added. */
export const packetBytesMax = 1_150

/** Bounds of what a packet may hold; beyond them it is malformed. */
export const wireLimits = {
  addresses: 4,
  hostBytes: 64,
  tags: 32,
  applications: 256,
  /** Of a tag's key and of its value. */
  textBytes: 256,
  /** Metadata entries in one statement, removed ones included. */
  metadataEntries: 1_024,
  accusers: 4,
  eventNameBytes: 64,
  eventPayloadBytes: 512,
  extensionBytes: 256,
  reasonBytes: 256,
  statements: 256,
  /** Epochs and counters beyond it are not plausible: no node gets there. */
  incarnation: 4_294_967_296,
} as const

/** Bytes that a record spends on metadata; what does not fit is fetched on its own. */
export const inlineMetadataBytesMax = 400
