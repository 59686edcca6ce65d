import type { HostPort, UdpPort } from '@nodosum/transport'

const closeCopies = 2
const lateAnswersMax = 8

/** The packet that tells the peer of a close: it is the one that nobody acknowledges. */
export class ClosePacket {
  readonly #bytes: Buffer
  readonly #udp: UdpPort
  readonly #remote: HostPort
  #lateAnswers = 0

  constructor(bytes: Buffer, udp: UdpPort, remote: HostPort) {
    this.#bytes = bytes
    this.#udp = udp
    this.#remote = remote
  }

  /** The engine makes it only once, so it is sent more than once. */
  send(): void {
    for (let copy = 0; copy < closeCopies; copy += 1) this.#udp.send(this.#bytes, this.#remote)
  }

  /** The peer still talks, so it has not heard; a bounded number of times. */
  answerLate(): void {
    if (this.#lateAnswers >= lateAnswersMax) return
    this.#lateAnswers += 1
    this.#udp.send(this.#bytes, this.#remote)
  }
}
