import type { EngineConnection } from '../ports.ts'
import { cutReason, type LocalClose } from './close-reason.ts'
import type { Outlet } from './outlet.ts'
import type { PacketSender } from './packet-sender.ts'

const closeCopies = 2
const lateAnswersMax = 8
/** The last flight of a handshake is two or three datagrams, a close is one. */
const datagramsMax = 8

/** How a close comes about. */
export interface ClosePacketOptions {
  readonly end: LocalClose
  readonly isRefusal: boolean
  readonly sender: PacketSender
  readonly outlet: Outlet
}

/** The last words to a peer, which nobody acknowledges: the close, and what it needs to read it. */
export class ClosePacket {
  readonly #datagrams: readonly Buffer[]
  readonly #outlet: Outlet
  #lateAnswers = 0

  private constructor(datagrams: readonly Buffer[], outlet: Outlet) {
    this.#datagrams = datagrams
    this.#outlet = outlet
  }

  /**
   * Closes the engine, and keeps what it has to say about that; null when it says nothing.
   *
   * @param isRefusal the peer can read the close only once it has the rest of the handshake
   */
  static closing(
    engine: EngineConnection,
    { end, isRefusal, sender, outlet }: ClosePacketOptions,
  ): ClosePacket | null {
    const datagrams: Buffer[] = []
    try {
      if (isRefusal) datagrams.push(...sender.capture(engine, outlet, datagramsMax))
      engine.close(end.app, end.code, Buffer.from(cutReason(end.reason), 'utf8'))
    } catch {
      // It has closed by itself, and says so.
    }
    try {
      datagrams.push(...sender.capture(engine, outlet, datagramsMax))
    } catch {
      // It is broken: the peer finds out by silence.
    }
    return datagrams.length === 0 ? null : new ClosePacket(datagrams, outlet)
  }

  /** The engine makes them only once, so they are sent more than once. */
  send(): void {
    for (let copy = 0; copy < closeCopies; copy += 1) this.repeat()
  }

  /** The peer still talks, so it has not heard; a bounded number of times. */
  answerLate(): void {
    if (this.#lateAnswers >= lateAnswersMax) return
    this.#lateAnswers += 1
    this.repeat()
  }

  repeat(): void {
    for (const bytes of this.#datagrams) this.#outlet.send(bytes)
  }
}
