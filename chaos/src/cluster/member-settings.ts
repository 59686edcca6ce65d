/** Where a node listens. */
export interface NodePlace {
  readonly nodeId: string
  readonly host: string
  readonly port: number
}

/** What a member process is started with. */
export interface MemberSettings {
  readonly nodes: readonly NodePlace[]
  /** Of the books. */
  readonly directory: string
  /** Directory of the certificates and of the gossip key. */
  readonly credentials: string
  readonly seedsFile: string
  readonly expect: number
  readonly joinTimeoutMs: number
}

/** What a member process answers to `usage`. */
export interface Usage {
  /** Processor time since its start. */
  readonly cpuMs: number
  readonly rssBytes: number
  /** Of these, what is no file that processes of the same program share: RssAnon of the system. */
  readonly ownBytes: number
}
