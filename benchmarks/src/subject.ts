/** What is measured, and how the two processes of a pair talk to the one that measures. */

/** One round of work. */
export type Work =
  | { readonly kind: 'oneway'; readonly count: number; readonly bytes: number }
  /** The same with both ends in the sending process. */
  | { readonly kind: 'inside'; readonly count: number; readonly bytes: number }
  | {
      readonly kind: 'request'
      readonly count: number
      readonly bytes: number
      readonly inFlight: number
    }
  /** Opens so many connections and says what each costs in memory. */
  | { readonly kind: 'memory'; readonly count: number; readonly bytes: number }

/** What a round gave, as the sending process saw it. Times are of the machine's monotonic clock. */
export interface Sent {
  readonly startedNs: bigint
  readonly endedNs: bigint
  /** Microseconds of each request, in order of completion; empty for one-way work. */
  readonly latenciesUs: readonly number[]
  /** What was measured, where it is neither a time nor a rate. */
  readonly value?: number
  /** Beside it, for `meta` of the result. */
  readonly more?: Readonly<Record<string, number>>
}

/** The receiving process: listens, and says when it has counted a whole round. */
export interface Receiver {
  /** What the sender needs to reach it; travels between the processes as JSON. */
  readonly address: unknown
  /** Expects a round; `done` hears the time at which its last message was there. */
  expect(work: Work, done: (atNs: bigint) => void): void
  close(): Promise<void>
}

export interface Sender {
  run(work: Work): Promise<Sent>
  close(): Promise<void>
}

/** One thing that carries messages from one process to another. */
export interface Subject {
  /** @param directory is empty, shared by both processes, and removed afterwards. */
  receive(directory: string): Promise<Receiver>
  send(directory: string, address: unknown): Promise<Sender>
}

/** Keeps `inFlight` requests going until `count` are done, and notes how long each took. */
export async function manyRequests(
  work: { readonly count: number; readonly inFlight: number },
  request: () => Promise<unknown>,
): Promise<Sent> {
  const latenciesUs: number[] = []
  let started = 0
  const startedNs = process.hrtime.bigint()
  const one = async (): Promise<void> => {
    while (started < work.count) {
      started += 1
      const beganMs = performance.now()
      await request()
      latenciesUs.push((performance.now() - beganMs) * 1_000)
    }
  }
  await Promise.all(Array.from({ length: work.inFlight }, one))
  return { startedNs, endedNs: process.hrtime.bigint(), latenciesUs }
}
