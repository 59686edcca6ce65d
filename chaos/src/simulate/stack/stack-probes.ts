import { ownerOf, type Target } from 'nodosum'
import { judgeReply } from './judge-answer.ts'
import type { StackBook } from './stack-book.ts'
import type { StackNode } from './stack-node.ts'
import type { Call } from './stack-records.ts'
import { codeOf } from './take-answers.ts'

const probeTimeoutMs = 5_000
/** Keys whose owners are compared. */
const keys = ['key 1', 'key 2', 'key 3', 'key 4']

/** Everybody asks everybody once; nothing stands in the way of an answer. */
export async function askAll(
  book: StackBook,
  nodes: readonly StackNode[],
  application: string,
): Promise<void> {
  const asked = nodes.flatMap((from) =>
    nodes.map(({ process: { node } }) => ask(book, from, application, node, node, null)),
  )
  await Promise.all(asked.map(({ done }) => done))
}

/** Everybody asks the owner of each key. */
export function askOwners(
  book: StackBook,
  nodes: readonly StackNode[],
  application: string,
): { readonly calls: readonly Call[]; readonly done: Promise<void> } {
  const asked = nodes.flatMap((from) =>
    keys.map((key) => ask(book, from, application, ownerOf(key), null, key)),
  )
  const done = Promise.all(asked.map((one) => one.done)).then(() => undefined)
  return { calls: asked.map(({ call }) => call), done }
}

function ask(
  book: StackBook,
  from: StackNode,
  application: string,
  target: Target,
  to: string | null,
  key: string | null,
): { readonly call: Call; readonly done: Promise<void> } {
  const { process } = from
  const call = book.asked(process, {
    way: 'request',
    application,
    lane: 'requests',
    to: to === null ? null : [to],
    key,
    job: {
      id: `${process.name}.probe ${process.calls.length} ${key ?? to}`,
      work: 0,
      fails: 0,
      pad: '',
    },
    timeoutMs: probeTimeoutMs,
    isIdempotent: false,
    isPatient: true,
  })
  const options = { timeoutMs: probeTimeoutMs }
  const work = from.node.application(application).request(target, call.job, options)
  const done = work.then(
    (reply) => {
      judgeReply(book, call, reply)
      book.told(call, 'replied')
    },
    (error: unknown) => {
      book.told(call, codeOf(error))
      book.violated('after a rest everybody reaches everybody', `${call.job.id}: ${codeOf(error)}`)
    },
  )
  return { call, done }
}
