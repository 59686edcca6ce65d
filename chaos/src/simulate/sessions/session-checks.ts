/** A promise of sessions that did not hold. */
export interface SessionViolation {
  readonly invariant: string
  readonly atMs: number
  readonly detail: string
}

/** What one stream of one session has carried in one direction, as both ends' layers above saw it. */
interface Account {
  sent: number
  received: number
}

const violationsMax = 20

/** Bytes of a message, by its number: mostly small, now and then larger than a frame. */
export function sizeOf(number: number): number {
  if (number % 307 === 306) return 200_000
  if (number % 61 === 60) return 40_000
  return 8 + (((number * 2_654_435_761) >>> 0) % 300)
}

/** Fills in a message; every byte depends on its number. */
export function writeMessage(buffer: Uint8Array, at: number, number: number): void {
  const size = sizeOf(number)
  buffer.fill((number * 31 + 7) & 0xff, at, at + size)
  buffer[at] = number & 0xff
  buffer[at + 1] = (number >>> 8) & 0xff
  buffer[at + 2] = (number >>> 16) & 0xff
  buffer[at + 3] = number >>> 24
}

/** The number of a message; -1 when its bytes are not those that were sent. */
export function readMessage(bytes: Uint8Array, start: number, end: number): number {
  const number =
    (bytes[start] as number) |
    ((bytes[start + 1] as number) << 8) |
    ((bytes[start + 2] as number) << 16) |
    ((bytes[start + 3] as number) << 24)
  if (number < 0 || end - start !== sizeOf(number)) return -1
  const filler = (number * 31 + 7) & 0xff
  const step = end - start > 1_000 ? 997 : 1
  for (let at = start + 4; at < end; at += step) if (bytes[at] !== filler) return -1
  return bytes[end - 1] === filler ? number : -1
}

/** Joins what was sent with what was received, apart from the code under test. */
export class SessionChecks {
  readonly violations: SessionViolation[] = []
  received = 0
  unknown = 0
  closedLanes = 0
  /** How often a session went on over a connection that was dialed to replace another. */
  replaced = 0
  /** Messages whose time on the way was judged. */
  probes = 0
  /** Hears of every message that comes out as it should. */
  heard: ((stream: string, number: number, bytes: number) => void) | null = null
  readonly #nowMs: () => number
  readonly #accounts = new Map<string, Account>()

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  violated(invariant: string, detail: string): void {
    if (this.violations.length >= violationsMax) return
    this.violations.push({ invariant, atMs: this.#nowMs(), detail })
  }

  /** The number of the next message of a stream. */
  next(stream: string): number {
    return this.#account(stream).sent + 1
  }

  sent(stream: string): void {
    this.#account(stream).sent += 1
  }

  /** A message came out at the other end. */
  arrived(stream: string, number: number): void {
    const account = this.#account(stream)
    this.received += 1
    if (number === account.received + 1) {
      account.received = number
      if (number > account.sent) this.violated('nothing is invented', `${stream}: ${number}`)
      this.heard?.(stream, number, sizeOf(number))
      return
    }
    const name =
      number === -1 ? 'bytes arrive as sent' : 'no loss, duplicate or reordering inside a session'
    const detail = `${stream}: ${number} came where ${account.received + 1} was due`
    this.violated(name, detail)
    account.received = Math.max(account.received, number)
  }

  /** The sending end is over; `isReported` says whether the stream is among the unknown. */
  ended(stream: string, isReported: boolean): void {
    const { sent, received } = this.#account(stream)
    this.unknown += sent - received
    if (sent === received || isReported) return
    const detail = `${stream}: ${received} of ${sent} arrived and the end of the session hides it`
    this.violated('every frame has an outcome', detail)
  }

  /** Nothing has happened for long: everything must be there. */
  settled(stream: string): void {
    const { sent, received } = this.#account(stream)
    if (sent === received) return
    this.violated('no stall without a fault', `${stream}: ${received} of ${sent} arrived`)
  }

  /** A session that the peer had not heard of goes on under another id. */
  renamed(sender: string, before: string, after: string): void {
    if (before === after) return
    for (const [stream, account] of [...this.#accounts]) {
      if (!stream.startsWith(sender) || !stream.includes(` ${before}/`)) continue
      this.#accounts.delete(stream)
      this.#accounts.set(stream.replace(` ${before}/`, ` ${after}/`), account)
    }
  }

  #account(stream: string): Account {
    let account = this.#accounts.get(stream)
    if (account === undefined) {
      account = { sent: 0, received: 0 }
      this.#accounts.set(stream, account)
    }
    return account
  }
}
