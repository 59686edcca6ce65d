import { type BootId, type NodeId, NodosumError } from '@nodosum/kernel'
import type { IncomingLane, LaneClass, OutgoingLane, Session } from '../src/index.ts'

type LaneKind = IncomingLane['kind']

interface Frame {
  readonly type: number
  readonly sequence: number
  readonly bytes: Uint8Array
}

/** What both ends of a fake session share; a test changes it while it runs. */
export interface FakeWire {
  /** Nothing arrives while it is true. */
  holds: boolean
  /** Bytes that a lane takes before `hasRoom` says no. */
  roomBytes: number
}

class FakeOutgoingLane implements OutgoingLane {
  readonly stream: number
  onRoom: (() => void) | null = null
  owner: OutgoingLane['owner'] = null
  closed = false
  buffer: Uint8Array = new Uint8Array(0)
  sequence: number
  application = ''
  name = ''
  readonly #session: FakeSession
  readonly #deliver: (frame: Frame) => void
  #waiting: Frame[] = []
  #waitingBytes = 0
  #isStarved = false

  constructor(session: FakeSession, stream: number, deliver: (frame: Frame) => void) {
    this.#session = session
    this.stream = stream
    // OPEN takes the first sequence of a lane, HELLO that of the control stream.
    this.sequence = 1
    this.#deliver = deliver
  }

  hasRoom(bodyLength: number): boolean {
    const fits = this.#waitingBytes + bodyLength <= this.#session.wire.roomBytes
    if (!fits) this.#isStarved = true
    return fits
  }

  frame(type: number, _flags: number, bodyLength: number): number {
    this.sequence += 1
    this.buffer = new Uint8Array(bodyLength)
    this.#waiting.push({ type, sequence: this.sequence, bytes: this.buffer })
    this.#waitingBytes += bodyLength
    this.#session.wake()
    return 0
  }

  flush(): void {
    const frames = this.#waiting
    this.#waiting = []
    this.#waitingBytes = 0
    for (const frame of frames) this.#deliver(frame)
    if (!this.#isStarved) return
    this.#isStarved = false
    this.onRoom?.()
  }
}

class FakeIncomingLane implements IncomingLane {
  readonly stream: number
  readonly kind: LaneKind
  readonly application: string
  readonly name: string
  receiver: IncomingLane['receiver'] = null
  refusal: IncomingLane['refusal'] = null
  isPaused = false
  #held: Frame[] = []

  constructor(stream: number, kind: LaneKind, application: string, name: string) {
    this.stream = stream
    this.kind = kind
    this.application = application
    this.name = name
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
    const held = this.#held
    this.#held = []
    for (const frame of held) this.take(frame)
  }

  take(frame: Frame): void {
    if (this.isPaused) this.#held.push(frame)
    else this.receiver?.frame(frame.type, frame.sequence, frame.bytes, 0, frame.bytes.length)
  }
}

/** One end of a conversation in memory that keeps its order and can be cut. */
export class FakeSession implements Session {
  readonly peer: NodeId
  readonly peerBootId: BootId
  readonly id = '00000001'
  readonly uri: string | null
  readonly control: FakeOutgoingLane
  readonly wire: FakeWire
  handler: Session['handler'] = null
  controlIsLate = false
  other: FakeSession | null = null
  endedWith: NodosumError | null = null
  readonly incoming: FakeIncomingLane[] = []
  /** Names and classes of the lanes that this end has opened. */
  readonly opened: string[] = []
  readonly #outgoing: FakeOutgoingLane[] = []
  readonly #onEnd: () => void
  #isScheduled = false

  constructor(peer: NodeId, peerBootId: BootId, wire: FakeWire, onEnd: () => void) {
    this.peer = peer
    this.peerBootId = peerBootId
    this.uri = `spiffe://test/nodosum/test/${peer}`
    this.wire = wire
    this.#onEnd = onEnd
    this.control = new FakeOutgoingLane(this, 0, ({ type, bytes }) => {
      this.other?.handler?.control(type, bytes, 0, bytes.length)
    })
  }

  get closed(): boolean {
    return this.endedWith !== null
  }

  openLane(
    kind: LaneKind,
    application: string,
    name: string,
    laneClass: LaneClass,
  ): FakeOutgoingLane {
    this.opened.push(`${name} ${laneClass}`)
    const stream = this.#outgoing.length + 1
    let far: FakeIncomingLane | null = null
    const lane = new FakeOutgoingLane(this, stream, (frame) => {
      if (far === null) {
        far = new FakeIncomingLane(stream, kind, application, name)
        this.other?.incoming.push(far)
        this.other?.handler?.lane(far)
      }
      if (this.other !== null) far.take(frame)
    })
    lane.application = application
    lane.name = name
    this.#outgoing.push(lane)
    return lane
  }

  /** Closes lanes that nobody uses, as the sessions of streams do; returns how many. */
  closeIdle(): number {
    const idle = this.#outgoing.filter(({ closed, owner }) => !closed && owner?.isIdle === true)
    for (const lane of idle) {
      lane.closed = true
      lane.owner?.closed(null, false)
      const far = this.other?.incoming.find(({ stream }) => stream === lane.stream)
      far?.receiver?.ended?.()
      // Nothing more is said about it, not even that the session is over.
      if (far !== undefined) far.receiver = null
    }
    return idle.length
  }

  /** The peer does not take a lane of this end. */
  refuseLane(application: string, name: string): void {
    const lane = this.#outgoing.find(
      (each) => !each.closed && each.application === application && each.name === name,
    )
    if (lane === undefined) throw new Error(`no lane ${name} of ${application}`)
    lane.closed = true
    lane.onRoom = null
    const refusal = { code: 'ERR_NODOSUM_LIMIT_STREAMS', message: 'too many lanes' }
    lane.owner?.closed(refusal, true)
  }

  controlFrame(type: number, bodyLength: number): number {
    return this.control.frame(type, 0, bodyLength)
  }

  end(error: NodosumError): void {
    const { other } = this
    this.#finish(error)
    if (other !== null && other !== this) {
      other.#finish(new NodosumError('ERR_NODOSUM_CONNECTION_LOST', 'the other end is gone'))
    }
  }

  /** Frames of one turn leave at its end, unless the wire holds them. */
  wake(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      if (this.wire.holds || this.closed) return
      this.control.flush()
      for (const lane of this.#outgoing) lane.flush()
    })
  }

  #finish(error: NodosumError): void {
    if (this.endedWith !== null) return
    this.endedWith = error
    this.other = null
    for (const lane of this.#outgoing) lane.closed = true
    this.#onEnd()
    for (const lane of this.incoming) lane.receiver?.closed()
    this.handler?.closed(error, [])
  }
}
