import type { EngineStream } from '../ports.ts'
import {
  type ControlFrame,
  ControlFrameDecoder,
  encodeControlFrame,
} from '../wire/control-frame.ts'

/** More than this unsent means that the peer does not read its control stream. */
const backlogBytesMax = 256 * 1024

export interface ControlLaneEvents {
  readonly onFrame: (frame: ControlFrame) => void
  /** The lane cannot be used any more; the connection must end. */
  readonly onBroken: (why: string) => void
}

/** The control stream of a connection: it lives as long as the connection does. */
export class ControlLane {
  readonly #engine: EngineStream
  readonly #events: ControlLaneEvents
  readonly #decoder = new ControlFrameDecoder()

  constructor(engine: EngineStream, events: ControlLaneEvents) {
    this.#engine = engine
    this.#events = events
    engine.on('data', (chunk) => this.#received(chunk))
    engine.on('end', () => events.onBroken('ended its control stream'))
    engine.on('close', () => events.onBroken('closed its control stream'))
  }

  send(frame: ControlFrame): void {
    if (this.#engine.writableLength > backlogBytesMax) {
      this.#events.onBroken('does not read its control stream')
    } else {
      this.#engine.write(encodeControlFrame(frame), noop)
    }
  }

  #received(chunk: Uint8Array): void {
    const frames = this.#decoder.push(chunk)
    if (frames === undefined) this.#events.onBroken('sent bytes that are no control frames')
    else for (const frame of frames) this.#events.onFrame(frame)
  }
}

function noop(): void {}
