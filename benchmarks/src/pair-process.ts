/** One process of a pair: `pair-process.ts <subject> <receiver|sender> <directory>`. */
import type { Receiver, Sender, Subject, Work } from './subject.ts'

/** To the process. */
export type Order =
  | { readonly order: 'connect'; readonly address: unknown }
  | { readonly order: 'expect'; readonly work: Work }
  | { readonly order: 'run'; readonly work: Work }
  | { readonly order: 'close' }

/** From the process. Times are strings: JSON has no bigint. */
export type Answer =
  | { readonly answer: 'ready'; readonly address: unknown }
  | { readonly answer: 'expecting' }
  | { readonly answer: 'received'; readonly atNs: string }
  | {
      readonly answer: 'sent'
      readonly startedNs: string
      readonly endedNs: string
      readonly latenciesUs: readonly number[]
      readonly cpuUs: number
      readonly value?: number | undefined
      readonly more?: Readonly<Record<string, number>> | undefined
    }
  | { readonly answer: 'failed'; readonly message: string }

const [name = '', role = '', directory = ''] = process.argv.slice(2)
const { subject } = (await import(`./subjects/${name}.ts`)) as { subject: Subject }
let receiver: Receiver | undefined
let sender: Sender | undefined

function answer(message: Answer): void {
  process.send?.(message)
}

async function obey(order: Order): Promise<void> {
  if (order.order === 'connect') {
    sender = await subject.send(directory, order.address)
    answer({ answer: 'ready', address: null })
  } else if (order.order === 'expect') {
    receiver?.expect(order.work, (atNs) => answer({ answer: 'received', atNs: `${atNs}` }))
    answer({ answer: 'expecting' })
  } else if (order.order === 'run') {
    const before = process.cpuUsage()
    const sent = await sender?.run(order.work)
    if (sent === undefined) throw new Error('this process does not send')
    const used = process.cpuUsage(before)
    answer({
      answer: 'sent',
      startedNs: `${sent.startedNs}`,
      endedNs: `${sent.endedNs}`,
      latenciesUs: sent.latenciesUs,
      cpuUs: used.user + used.system,
      value: sent.value,
      more: sent.more,
    })
  } else {
    await Promise.all([receiver?.close(), sender?.close()])
    process.disconnect?.()
  }
}

function failed(error: unknown): void {
  answer({ answer: 'failed', message: error instanceof Error ? `${error.stack}` : `${error}` })
}

process.on('message', (order: Order) => void obey(order).catch(failed))
// Whoever measures is gone: so is the reason to be here.
process.on('disconnect', () => process.exit())
if (role === 'receiver') {
  receiver = await subject.receive(directory)
  answer({ answer: 'ready', address: receiver.address })
} else {
  answer({ answer: 'ready', address: null })
}
