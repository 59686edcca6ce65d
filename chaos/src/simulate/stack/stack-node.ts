import type { Scheduler } from '@nodosum/kernel'
import type { MessageContext, Node } from 'nodosum'
import type { TestNodeOptions } from 'nodosum/testing'
import type { StackBook } from './stack-book.ts'
import { desk, shop } from './stack-contracts.ts'
import type { Answer, Job, StackProcess } from './stack-records.ts'

/** The applications with messages only, whose counters the book can say exactly. */
export const messageApplications: readonly string[] = ['mail', 'shop']
/** The untyped application with requests only. */
export const requestApplication = 'ask'

/** One process of a node with its handlers, which do what they are told and write it down. */
export class StackNode {
  readonly process: StackProcess
  readonly #book: StackBook
  readonly #scheduler: () => Scheduler
  readonly #waiting: (() => void)[] = []
  #node: Node | null = null

  constructor(id: string, book: StackBook, scheduler: () => Scheduler) {
    this.process = book.begin(id)
    this.#book = book
    this.#scheduler = scheduler
  }

  get node(): Node {
    if (this.#node === null) throw new Error(`${this.process.name} has not joined`)
    return this.#node
  }

  get hasJoined(): boolean {
    return this.#node !== null
  }

  /** It has joined, runs, and nobody has asked it to leave. */
  get isAtWork(): boolean {
    return this.#node !== null && this.process.state === 'running' && !this.process.isPaused
  }

  /** What it runs from its start on. */
  implementations(): NonNullable<TestNodeOptions['applications']> {
    return [
      shop.implement({ placed: (job, context) => this.#message(job, context) }),
      desk.implement({
        keeper: (job, context) => this.#handle('request', job, context),
        feed: ({ items }) => this.#feed(items),
      }),
    ]
  }

  joined(node: Node): void {
    this.#node = node
    node.application('mail').onMessage((payload, context) => this.#message(jobOf(payload), context))
    node
      .application(requestApplication)
      .onRequest((payload, context) => this.#handle('request', jobOf(payload), context))
    node.on('undelivered', (told) => this.#book.undelivered(this.process, told))
  }

  /** Runs something later; while the process stands still, when it goes on. */
  after(delayMs: number, run: () => void): void {
    this.#scheduler().after(delayMs, () => {
      if (this.process.isPaused) this.#waiting.push(run)
      else run()
    })
  }

  wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve))
  }

  pause(): void {
    this.process.isPaused = true
  }

  resume(): void {
    if (!this.process.isPaused) return
    this.process.isPaused = false
    this.process.resumedMs = this.#scheduler().nowMs()
    for (const run of this.#waiting.splice(0)) run()
  }

  #message(job: Job, context: MessageContext): void | Promise<void> {
    const done = this.#handle('message', job, context)
    if (done instanceof Promise) return done.then(() => undefined)
  }

  #handle(
    kind: 'message' | 'request',
    job: Job,
    context: MessageContext,
  ): Answer | Promise<Answer> {
    const { id, work, fails } = job
    const { from, application, lane, messageId, key } = context
    const meeting = { kind, from, application, lane, messageId, key }
    const handling = this.#book.started(this.process, id, meeting)
    const end = (): Answer => {
      handling.ended(fails === 1 ? 'threw' : 'done')
      if (fails === 1) throw new Error(`${id} was to fail`)
      return { id, messageId }
    }
    if (work === 0) return end()
    context.signal.addEventListener('abort', handling.aborted)
    return this.wait(work).then(end)
  }

  async *#feed(items: number): AsyncGenerator<number> {
    for (let item = 0; item < items; item += 1) {
      if (item % 4 === 3) await this.wait(10)
      yield item
    }
  }
}

/** A job as it arrives: plain data, or its text as bytes. */
function jobOf(payload: unknown): Job {
  if (payload instanceof Uint8Array) return JSON.parse(Buffer.from(payload).toString()) as Job
  return payload as Job
}
