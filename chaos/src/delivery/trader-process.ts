/**
 * A node under load that keeps a book: `trader-process.ts <settings as JSON>`. It sends in every way
 * that there is, each on a lane of its own, and writes what it asked for before it asks.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createNode, isNodosumError } from 'nodosum'
import { BookWriter, type Way } from './delivery-book.ts'
import { neverRan } from './outcome-codes.ts'
import type { TraderOrder, TraderSettings, TraderWord } from './trader-settings.ts'
import { worker } from './troubles.ts'

const settings = JSON.parse(process.argv[2] ?? '{}') as TraderSettings
const { nodeId, directory, burst, firesMax } = settings
const application = 'trade'
const turnMs = 2
/** Of each peer at once. */
const confirmsMax = 2
const requestsMax = 4
const broadcastEveryMs = 100
const waitMs = 10_000
/** How long what is in flight may take at the end. */
const restMs = 15_000
const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet }

const book = new BookWriter(directory, nodeId)
const credentials = join(directory, 'credentials')
const node = await createNode({
  cluster: 'chaos',
  nodeId,
  listen: { host: '127.0.0.1', port: settings.port },
  ...(settings.advertise === null ? {} : { advertise: { host: settings.advertise } }),
  identity: {
    certificateFile: join(credentials, `${nodeId}.crt`),
    keyFile: join(credentials, `${nodeId}.key`),
    caFile: join(credentials, 'ca.crt'),
  },
  gossipKeys: [readFileSync(join(credentials, 'gossip.key'), 'utf8')],
  discovery: { file: join(directory, 'seeds') },
  join: { expect: settings.expect, timeoutMs: 60_000 },
  logger: quiet,
})
const trade = node.application(application)
const lanes = {
  fire: trade.lane('fire'),
  handled: trade.lane('handled'),
  broadcast: trade.lane('broadcast'),
}
const work = worker(settings.trouble)
if (settings.isReceiver) {
  trade.onMessage((id, { messageId }) => {
    book.started(messageId, String(id))
    return work()
  })
  trade.onRequest((id, { messageId }) => {
    book.started(messageId, String(id))
    const done = work()
    return done === undefined ? id : done.then(() => id)
  })
}
node.on('undelivered', ({ messageId, to, code }) => book.undelivered(messageId, to, code))

let number = 0
const fresh = (way: Way): string => `${nodeId}.${process.pid}.${way}.${number++}`
let fires = 0
let isResting = !settings.isSender
const waiting = new Set<Promise<void>>()
const busy = new Map<string, number>()

/** Messages that nobody waits for. */
function fire(to: string): void {
  const count = Math.min(burst, firesMax - fires)
  if (count <= 0) return
  const ids = Array.from({ length: count }, () => fresh('fire'))
  book.intents('fire', to, ids)
  let refusal: string | null = null
  for (const id of ids) {
    // What comes after one that was refused is not tried: it would be refused as well.
    refusal ??= refusalOf(lanes.fire.trySend(to, id))
    if (refusal === null) fires += 1
    else book.refused(id, to, refusal)
  }
}

function refusalOf(answer: string): string | null {
  return answer === 'accepted' ? null : answer
}

/** Those that somebody waits for: a few of each peer at once. */
function ask(way: 'handled' | 'request', to: string): void {
  const key = `${way} ${to}`
  const running = busy.get(key) ?? 0
  if (running >= (way === 'handled' ? confirmsMax : requestsMax)) return
  busy.set(key, running + 1)
  const asked = way === 'handled' ? confirmed(to) : requested(to)
  const done = asked.finally(() => {
    busy.set(key, (busy.get(key) ?? 1) - 1)
    waiting.delete(done)
  })
  waiting.add(done)
}

async function confirmed(to: string): Promise<void> {
  const id = fresh('handled')
  book.intents('handled', to, [id])
  const ended = await lanes.handled
    .send(to, id, { confirm: 'handled', timeoutMs: waitMs })
    .then(() => 'handled', codeOf)
  book.ended(id, to, ended)
}

/** What a node refused without having done anything is asked of another one, once. */
async function requested(to: string): Promise<void> {
  if (!neverRan.has(await replied('request', to))) return
  const other = trade.nodes().find((node) => node !== to && node !== nodeId)
  if (other !== undefined) await replied('again', other)
}

async function replied(way: 'request' | 'again', to: string): Promise<string> {
  const id = fresh(way)
  book.intents(way, to, [id])
  const ended = await trade.request(to, id, { timeoutMs: waitMs }).then(() => 'replied', codeOf)
  book.ended(id, to, ended)
  return ended
}

function broadcast(): void {
  const id = fresh('broadcast')
  book.intents('broadcast', null, [id])
  const done = lanes.broadcast
    .broadcast(id)
    .then(
      (outcomes) => {
        for (const [to, outcome] of outcomes) {
          if (outcome.status === 'refused') book.refused(id, to, outcome.code)
          book.ended(id, to, 'code' in outcome ? outcome.code : outcome.status)
        }
      },
      // Nobody was a target: no copy.
      () => undefined,
    )
    .finally(() => waiting.delete(done))
  waiting.add(done)
}

function codeOf(error: unknown): string {
  return isNodosumError(error) ? error.code : String(error).replaceAll(/\s/g, '_')
}

function tell(word: TraderWord['word']): void {
  const message: TraderWord = { word, fires }
  process.send?.(message)
}

const trading = setInterval(() => {
  if (isResting) return
  for (const to of trade.nodes()) {
    if (to === nodeId) continue
    fire(to)
    ask('handled', to)
    ask('request', to)
  }
}, turnMs)
const calling = setInterval(() => {
  if (!isResting) broadcast()
  tell('progress')
}, broadcastEveryMs)
const reloading =
  settings.reloadEveryMs === 0
    ? undefined
    : setInterval(() => void node.reloadCertificates(), settings.reloadEveryMs)

async function close(): Promise<void> {
  clearInterval(trading)
  clearInterval(calling)
  clearInterval(reloading)
  await node.close()
  await Promise.all(waiting)
  const counters = node.metrics().applications[application]
  if (counters === undefined) throw new Error('no counters')
  const { accepted, delivered, rejected, expired, unknown, inFlight } = counters
  book.closed({ accepted, delivered, rejected, expired, unknown, inFlight })
  process.disconnect?.()
}

/** Until everything has ended that ends. */
async function rest(): Promise<void> {
  isResting = true
  const untilMs = performance.now() + restMs
  await Promise.all(waiting)
  const inFlight = (): number => node.metrics().applications[application]?.inFlight ?? 0
  while (inFlight() > 0 && performance.now() < untilMs) {
    await new Promise((resolve) => setTimeout(resolve, turnMs))
  }
  book.closing()
  tell('resting')
}

/** What it has begun ends, and what others send it meanwhile. */
async function leave(): Promise<void> {
  isResting = true
  const { complete } = await node.drain({ deadlineMs: restMs })
  if (!complete) throw new Error('draining did not come to an end')
  await close()
}

const does: Readonly<Record<TraderOrder, () => Promise<void>>> = { rest, close, leave }
process.on('message', (order: TraderOrder) => void does[order]())
process.on('disconnect', () => process.exit())
tell('ready')
