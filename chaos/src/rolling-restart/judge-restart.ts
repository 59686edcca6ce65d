import type { JournalEntry } from '../../../apps/bazaar/src/journal.ts'

/** A request may fail once: the second try has to do. */
const retriesMax = 1

/** What the customers say of a rolling restart, in which no process was killed. */
export function judgeRestart(
  customers: readonly JournalEntry[],
  expected: { readonly restarts: number; readonly ordersMin: number },
): { readonly problems: readonly string[]; readonly summary: string } {
  const orders = new Set<string>()
  const answered = new Set<string>()
  const retries = new Map<string, number>()
  const problems: string[] = []
  for (const { event, orderId, reason } of customers) {
    const id = String(orderId)
    if (event === 'order') orders.add(id)
    else if (event === 'answer') answered.add(id)
    else if (event === 'asks again') retries.set(id, (retries.get(id) ?? 0) + 1)
    else if (event === 'gave up') problems.push(`${id} was given up: ${String(reason)}`)
    else if (event === 'kill') problems.push(`${String(orderId)}: somebody was killed`)
  }
  for (const [id, count] of retries) {
    if (count > retriesMax) problems.push(`${id} was asked for ${count + 1} times`)
  }
  const open = [...orders].filter((id) => !answered.has(id))
  if (open.length > 0)
    problems.push(`${open.length} orders have no answer: ${open.slice(0, 5).join()}`)
  if (orders.size < expected.ordersMin) {
    problems.push(
      `${orders.size} orders are too few to tell anything of ${expected.restarts} restarts`,
    )
  }
  const again = [...retries.values()].reduce((sum, count) => sum + count, 0)
  const summary = `${orders.size} orders over ${expected.restarts} restarts: ${answered.size} answered, ${again} asked for again`
  return { problems, summary }
}
