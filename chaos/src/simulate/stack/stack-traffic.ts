import type { Random } from '@nodosum/kernel'
import { anyNode, type Lane, nearest, ownerOf, type Target } from 'nodosum'
import { judgeReply } from './judge-answer.ts'
import type { StackBook } from './stack-book.ts'
import { desk, shop } from './stack-contracts.ts'
import { requestApplication, type StackNode } from './stack-node.ts'
import type { Asked, Call, Job } from './stack-records.ts'
import type { StackTraffic } from './stack-scenarios.ts'
import { codeOf, failedOf, takeStream } from './take-answers.ts'

/** More than any queue takes. */
const patientMs = 30_000
/** Keys of `ownerOf`. */
const keysMax = 12
const lanes = ['default', 'first', 'second']

/** Whom a call goes to, as the product takes it and as the book does. */
interface Whom {
  readonly target: Target
  readonly to: readonly string[] | null
  readonly key: string | null
}

/** What one process asks of the others, drawn from its seed. */
export class Traffic {
  readonly #from: StackNode
  readonly #book: StackBook
  readonly #random: Random
  readonly #ids: readonly string[]
  readonly #traffic: StackTraffic
  /** Whether a request that failed is asked once more. */
  readonly #retries: boolean
  #isOver = false
  #number = 0

  constructor(parts: {
    from: StackNode
    book: StackBook
    random: Random
    ids: readonly string[]
    traffic: StackTraffic
    retries: boolean
  }) {
    this.#from = parts.from
    this.#book = parts.book
    this.#random = parts.random
    this.#ids = parts.ids
    this.#traffic = parts.traffic
    this.#retries = parts.retries
  }

  begin(): void {
    this.#from.after(this.#random.integer(0, this.#traffic.pauseMaxMs), () => {
      if (this.#isOver || !this.#from.isAtWork) return
      // All of a burst in one turn, so that one overtakes the other if it can.
      const burst = this.#random.integer(1, this.#traffic.burstMax)
      for (let count = 0; count < burst; count += 1) this.#call()
      this.begin()
    })
  }

  end(): void {
    this.#isOver = true
  }

  #call(): void {
    const drawn = this.#random.integer(0, 99)
    if (drawn < 25) this.#mail()
    else if (drawn < 33) this.#trySend()
    else if (drawn < 43) void this.#broadcast(this.#random.integer(0, 2) === 0)
    else if (drawn < 53) this.#typedSend()
    else if (drawn < 82) void this.#request(0)
    else if (drawn < 95) void this.#typedRequest(0)
    else void this.#stream()
  }

  #mail(): void {
    const whom = this.#whom(true)
    const lane = this.#lane()
    const confirm = this.#confirm()
    const way = confirm === 'accepted' ? 'fire' : confirm
    const call = this.#asked({ ...whom, way, application: 'mail', lane }, 3)
    const through = this.#through(lane)
    const { signal, timeoutMs } = this.#patience(call)
    const options = { confirm, timeoutMs, ...(signal !== null && { signal }) }
    void this.#sent(call, through.send(whom.target, this.#payload(call.job), options))
  }

  #trySend(): void {
    const to = this.#random.pick(this.#ids) as string
    const lane = this.#lane()
    const whom = { target: to, to: [to], key: null }
    const call = this.#asked({ ...whom, way: 'try', application: 'mail', lane }, 3)
    const through = this.#through(lane)
    this.#book.told(call, through.trySend(to, this.#payload(call.job)))
  }

  async #broadcast(isTyped: boolean): Promise<void> {
    const { node } = this.#from
    const lane = this.#lane()
    const confirm = this.#confirm()
    const application = isTyped ? 'shop' : 'mail'
    const whom = { target: anyNode(), to: null, key: null }
    const call = this.#asked({ ...whom, way: 'broadcast', application, lane }, 3)
    const { timeoutMs } = call
    const options = { confirm, timeoutMs, includeSelf: this.#random.integer(0, 1) === 0 }
    const through = this.#through(lane)
    const outcomes = isTyped
      ? await node.broadcast(shop.placed, call.job, { ...options, lane })
      : await through.broadcast(this.#payload(call.job), options)
    for (const [to, outcome] of outcomes) {
      this.#book.copyTold(call, to, outcome.status, 'code' in outcome ? outcome.code : null)
    }
    this.#book.told(call, 'accepted')
  }

  #typedSend(): void {
    const whom = this.#whom(true)
    const lane = this.#lane()
    const confirm = this.#confirm()
    const way = confirm === 'accepted' ? 'fire' : confirm
    const call = this.#asked({ ...whom, way, application: 'shop', lane }, 3)
    const options = { to: whom.target, lane, confirm, timeoutMs: call.timeoutMs }
    void this.#sent(call, this.#from.node.send(shop.placed, call.job, options))
  }

  async #request(retry: number): Promise<void> {
    const whom = this.#whom(false)
    const isIdempotent = this.#random.integer(0, 2) === 0
    const lane = 'requests'
    const asked = { ...whom, way: 'request', application: requestApplication, lane } as const
    const call = this.#asked({ ...asked, isIdempotent }, 2)
    const { signal, timeoutMs } = this.#patience(call)
    const options = { timeoutMs, idempotent: isIdempotent, ...(signal !== null && { signal }) }
    const application = this.#from.node.application(requestApplication)
    const work = application.request(whom.target, this.#payload(call.job), options)
    await this.#answered(call, work, retry, () => this.#request(retry + 1))
  }

  async #typedRequest(retry: number): Promise<void> {
    const whom = this.#whom(false)
    const asked = { ...whom, way: 'request', application: 'desk', lane: 'requests' } as const
    const call = this.#asked({ ...asked, isIdempotent: true }, 2)
    const options = { to: whom.target, timeoutMs: call.timeoutMs }
    const work = this.#from.node.request(desk.keeper, call.job, options)
    await this.#answered(call, work, retry, () => this.#typedRequest(retry + 1))
  }

  async #stream(): Promise<void> {
    const whom = this.#whom(false)
    const call = this.#asked({ ...whom, way: 'stream', application: 'desk', lane: 'streams' }, 1)
    const items = this.#random.integer(0, 30)
    const leaveAfter = this.#random.integer(0, 3) === 0 ? this.#random.integer(0, items) : null
    const { id } = call.job
    const { timeoutMs } = call
    const stream = this.#from.node.stream(desk.feed, { id, items }, { to: whom.target, timeoutMs })
    const slowly = this.#random.integer(0, 2) === 0 ? () => this.#from.wait(5) : null
    const answer = await takeStream(stream, { items, leaveAfter, slowly }, (detail) =>
      this.#book.violated('a stream has its items in order', `${id}: ${detail}`),
    )
    this.#book.told(call, answer)
  }

  async #sent(call: Call, work: Promise<void>): Promise<void> {
    try {
      await work
      this.#book.told(call, call.way === 'fire' ? 'accepted' : call.way)
    } catch (error) {
      this.#book.told(call, codeOf(error), failedOf(error))
    }
  }

  async #answered(
    call: Call,
    work: Promise<unknown>,
    retry: number,
    again: () => Promise<void>,
  ): Promise<void> {
    try {
      const reply = await work
      judgeReply(this.#book, call, reply)
      this.#book.told(call, 'replied')
    } catch (error) {
      const code = codeOf(error)
      this.#book.told(call, code)
      // Who names a node that is not there is told so, however often he asks.
      if (!this.#retries || call.to !== null || !this.#from.isAtWork) return
      if (retry === 0) return void (await again())
      this.#book.violated('no request fails after one retry', `${call.job.id}: ${code}`)
    }
  }

  #asked(
    asked: Omit<Asked, 'job' | 'timeoutMs' | 'isIdempotent' | 'isPatient'> & {
      readonly target: Target
      readonly isIdempotent?: boolean
    },
    syncOneOf: number,
  ): Call {
    const { target: _, ...rest } = asked
    const { workMaxMs, hangsOneOf, throwsOneOf, hurriesOneOf } = this.#traffic
    const isHurried = this.#oneOf(hurriesOneOf)
    const hangs = this.#oneOf(hangsOneOf)
    const isSync = this.#random.integer(1, syncOneOf) === 1
    const work = hangs ? this.#random.integer(500, 3_000) : this.#random.integer(1, workMaxMs)
    this.#number += 1
    const job: Job = {
      id: `${this.#from.process.name}.${this.#number}`,
      work: isSync ? 0 : work,
      fails: this.#oneOf(throwsOneOf) ? 1 : 0,
      pad: this.#random.integer(0, 19) === 0 ? 'x'.repeat(this.#random.integer(0, 30_000)) : '',
    }
    return this.#book.asked(this.#from.process, {
      isIdempotent: false,
      ...rest,
      job,
      timeoutMs: isHurried ? this.#random.integer(5, 900) : patientMs,
      isPatient: !isHurried,
    })
  }

  /** The caller may lose patience before its time is over. */
  #patience(call: Call): { timeoutMs: number; signal: AbortSignal | null } {
    const { timeoutMs } = call
    if (!this.#oneOf(this.#traffic.cancelsOneOf)) return { timeoutMs, signal: null }
    const controller = new AbortController()
    this.#from.after(this.#random.integer(0, 60), () => {
      this.#book.cancelled(call)
      controller.abort()
    })
    return { timeoutMs, signal: controller.signal }
  }

  #whom(mayBeAll: boolean): Whom {
    const drawn = this.#random.integer(0, 9)
    const to = this.#random.pick(this.#ids) as string
    if (drawn < 5) return { target: to, to: [to], key: null }
    if (drawn < 6) return { target: nearest(), to: null, key: null }
    if (drawn < 8) {
      const key = `key ${this.#random.integer(1, keysMax)}`
      return { target: ownerOf(key), to: null, key }
    }
    if (drawn < 9 || !mayBeAll) return { target: anyNode(), to: null, key: null }
    const several = this.#random.shuffle([...this.#ids]).slice(0, 2)
    return { target: several, to: several, key: null }
  }

  #lane(): string {
    return this.#random.pick(lanes) as string
  }

  /** One of the named lanes carries what can wait. */
  #through(lane: string): Pick<Lane, 'send' | 'trySend' | 'broadcast'> {
    const mail = this.#from.node.application('mail')
    if (lane === 'default') return mail
    return lane === 'second' ? mail.lane(lane, { class: 'bulk' }) : mail.lane(lane)
  }

  #confirm(): 'accepted' | 'received' | 'handled' {
    return this.#random.pick(['accepted', 'accepted', 'received', 'handled'] as const) as 'accepted'
  }

  /** Plain data or bytes. */
  #payload(job: Job): unknown {
    return this.#random.integer(0, 1) === 0 ? job : Buffer.from(JSON.stringify(job))
  }

  #oneOf(count: number): boolean {
    return count > 0 && this.#random.integer(1, count) === 1
  }
}
