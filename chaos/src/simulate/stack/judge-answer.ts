import { neverRan } from '../../delivery/outcome-codes.ts'
import type { StackBook } from './stack-book.ts'
import { type Call, describe, startsOf } from './stack-records.ts'

/** An answer may be later than its deadline by so much; timers are exact here. */
const marginMs = 5
/** So soon a node says that it has too much to do. */
const overloadMs = 100

const code = (name: string): string => `ERR_NODOSUM_${name}`

/** What a patient caller is told when limits are small. */
const full: ReadonlySet<string> = new Set(
  ['OVERLOAD', 'LIMIT_PENDING', 'BACKPRESSURE', 'LIMIT_STREAMS', 'CIRCUIT_OPEN'].map(code),
)

/** Whether what a caller was told is true, comes in time, and may be said at all. */
export function judgeAnswer(book: StackBook, call: Call): void {
  const { answer, process, askedMs, timeoutMs, way } = call
  if (answer === null) return
  const nowMs = book.terms.nowMs()
  const tookMs = nowMs - askedMs
  const words = describe(call, `${answer} after ${Math.round(tookMs)} ms of ${timeoutMs}`)
  const stoodStill = process.isPaused || process.resumedMs >= askedMs
  if (way !== 'stream' && tookMs > timeoutMs + marginMs && !stoodStill) {
    book.violated('every call has its answer in time', words)
  }
  judgeTruth(book, call, words)
  // Who may ask again gives up when the time that is left is too short for another attempt.
  if (answer === code('REQUEST_TIMEOUT') && tookMs < timeoutMs - 1 && !call.isIdempotent) {
    book.violated('nobody is told early that it is too late', words)
  }
  const isLate = tookMs >= timeoutMs - 1
  // An attempt before the last one may have got no answer in its share of the time.
  const mayBeUnknown = call.isIdempotent || book.mayBeUnknown(process, call.to)
  if (answer === code('DELIVERY_UNKNOWN') && !isLate && !mayBeUnknown) {
    book.violated('only what a death or a lost session touches is unknown', words)
  }
  if (answer === code('CANCELLED') && call.cancelledMs === null) {
    book.violated('nothing is invented', words)
  }
  // Who may ask several nodes has asked all of them.
  const isFirst = !call.isIdempotent && call.to?.length === 1
  if (answer === code('OVERLOAD') && book.terms.isCalm && isFirst && tookMs > overloadMs) {
    book.violated('who has too much to do says so at once', words)
  }
  judgePatience(book, call, words)
}

function judgeTruth(book: StackBook, call: Call, words: string): void {
  const { answer, way, to } = call
  const starts = startsOf(call)
  const many = to?.length ?? 1
  switch (answer) {
    case 'received':
      if (starts.length < many) book.violated('what is told as delivered has started', words)
      break
    case 'handled': {
      const done = starts.filter(({ ended }) => ended === 'done')
      if (done.length < many) book.violated('what is told as handled has ended', words)
      break
    }
    case code('REMOTE_ERROR'):
      if (!starts.some(({ ended }) => ended === 'threw'))
        book.violated('nothing is invented', words)
      break
    default:
      if (answer === null || !neverRan.has(answer) || starts.length === 0) return
      // Of several nodes only the first failure is told.
      if (many > 1 && way !== 'request') return
      book.violated('what is told as refused never ran', words)
  }
}

/** Without a fault everybody who has time gets what he asks for, or hears that there is no room. */
function judgePatience(book: StackBook, call: Call, words: string): void {
  const { isCalm, isAmple } = book.terms
  const { answer } = call
  if (!isCalm || !call.isPatient || call.cancelledMs !== null || answer === null) return
  if (!answer.startsWith('ERR_') || answer === code('REMOTE_ERROR')) return
  // How long a message waits for its handler depends on all that came before it.
  if (!isAmple && call.way !== 'request') return
  if (isAmple || !full.has(answer)) book.violated('no stall without a fault', words)
}

/** A reply has to be the one to this request, from a handler that has ended. */
export function judgeReply(book: StackBook, call: Call, reply: unknown): void {
  const { id, messageId } = (reply ?? {}) as { id?: unknown; messageId?: unknown }
  const words = describe(call, `the reply is ${JSON.stringify(reply)}`)
  if (id !== call.job.id) return book.violated('a reply answers its own request', words)
  const start = startsOf(call).find((each) => each.messageId === messageId)
  if (start?.ended !== 'done') book.violated('what is told as handled has ended', words)
}
