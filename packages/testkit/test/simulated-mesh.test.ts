import { seededRandom, utf8Encode } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import {
  type PathQuality,
  type SimulatedTransport,
  settle,
  simulatedMesh,
  simulatedScheduler,
  unkindPath,
} from '../src/index.ts'

type Connection = Awaited<ReturnType<SimulatedTransport['connect']>>
type Stream = ReturnType<Connection['openStream']>

const addresses = [
  { host: '10.0.0.1', port: 7_000 },
  { host: '10.0.0.2', port: 7_000 },
] as const

async function connected(options: {
  quality?: Partial<PathQuality>
  seed?: string
  limits?: { streamWindowBytes?: number; idleTimeoutMs?: number; keepAliveMs?: number }
}) {
  const { quality = {}, seed = 'a seed', limits = {} } = options
  const scheduler = simulatedScheduler()
  const mesh = simulatedMesh({ scheduler, random: seededRandom(seed), quality })
  const certificate = (name: string) => ({
    uri: `spiffe://test/nodosum/shop/${name}`,
    authority: 'ca',
    notAfterMs: scheduler.wallMs() + 86_400_000,
  })
  const [a, b] = addresses.map((address, index) =>
    mesh.transport({ address, certificate: certificate(`n${index}`), authority: 'ca', limits }),
  ) as [SimulatedTransport, SimulatedTransport]
  const accepted: Connection[] = []
  await b.listen((connection) => accepted.push(connection))
  const dialer = await settle(scheduler, a.connect(addresses[1]))
  scheduler.runUntil(() => accepted.length === 1, 10_000)
  return { scheduler, mesh, a, b, dialer, acceptor: accepted[0] as Connection }
}

/** What arrives of the streams that the peer opens. */
function received(connection: Connection): { bytes: number[]; resets: number[]; chunks: number } {
  const log = { bytes: [] as number[], resets: [] as number[], chunks: 0 }
  connection.onStream = (stream) => {
    stream.onReset = (code) => log.resets.push(code)
    stream.onData = (chunk) => {
      log.bytes.push(...chunk)
      log.chunks += 1
    }
  }
  return log
}

function numbers(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, index) => index)
}

describe('a simulated connection', () => {
  it('can be lost at any byte: everything before it arrives, nothing after it', async () => {
    for (let breakAfterBytes = 0; breakAfterBytes <= 40; breakAfterBytes += 1) {
      const quality = { breakAfterBytes, segmentBytesMax: 7 }
      const { scheduler, mesh, dialer, acceptor } = await connected({ quality })
      const log = received(acceptor)
      const stream = dialer.openStream()
      const resets: number[] = []
      stream.onReset = (code) => resets.push(code)
      stream.write(numbers(41))
      const reasons = await settle(scheduler, Promise.all([dialer.closed, acceptor.closed]))
      expect(log.bytes).toEqual([...numbers(breakAfterBytes)])
      expect(reasons.map(({ error }) => error?.code)).toEqual([
        'ERR_NODOSUM_CONNECTION_LOST',
        'ERR_NODOSUM_CONNECTION_LOST',
      ])
      expect(resets).toHaveLength(1)
      expect(mesh.counters.broken).toBe(1)
    }
  })

  it('waits while its path is cut, in one direction too, and loses nothing', async () => {
    const { scheduler, mesh, dialer, acceptor } = await connected({})
    const log = received(acceptor)
    const stream = dialer.openStream()
    mesh.cut('10.0.0.1', '10.0.0.2')
    stream.write(numbers(100))
    scheduler.runFor(3_000)
    expect(log.bytes).toEqual([])
    mesh.heal()
    stream.write(numbers(100))
    scheduler.runUntil(() => log.bytes.length === 200, 1_000)
    expect(log.bytes).toEqual([...numbers(100), ...numbers(100)])
  })

  it('of an isolated host ends by silence at both ends', async () => {
    const limits = { idleTimeoutMs: 5_000, keepAliveMs: 1_000 }
    const { scheduler, mesh, dialer, acceptor } = await connected({ limits })
    mesh.isolate('10.0.0.2')
    const startedMs = scheduler.nowMs()
    const reasons = await settle(scheduler, Promise.all([dialer.closed, acceptor.closed]))
    expect(reasons.map(({ remote }) => remote)).toEqual([false, false])
    expect(reasons[0]?.error?.message).toContain('silent for 5000 ms')
    expect(scheduler.nowMs() - startedMs).toBeLessThan(6_100)
  })

  it('of a killed process ends silently: nothing of it runs any more', async () => {
    const { scheduler, b, dialer, acceptor } = await connected({})
    const log = received(acceptor)
    let told = 0
    acceptor.onClosed = () => {
      told += 1
    }
    const stream = dialer.openStream()
    stream.write(numbers(10))
    b.kill()
    const reason = await settle(scheduler, dialer.closed)
    expect(reason.error?.message).toContain('silent')
    expect([log.bytes.length, told]).toEqual([0, 0])
    expect(b.snapshot().connections).toEqual([])
  })

  it('cuts and joins chunks, and sends what they hold when they go', async () => {
    const { scheduler, dialer, acceptor } = await connected({ quality: { segmentBytesMax: 10 } })
    const log = received(acceptor)
    const stream = dialer.openStream()
    const chunk = numbers(100)
    stream.write(chunk)
    chunk[0] = 99
    scheduler.runUntil(() => log.bytes.length === 100, 1_000)
    expect(log.chunks).toBeGreaterThan(10)
    expect(log.bytes[0]).toBe(99)
  })

  it('moves no more than a window in a round trip: credit travels too', async () => {
    const quality = { delayMs: 50 }
    const limits = { streamWindowBytes: 65_536 }
    const { scheduler, dialer, acceptor } = await connected({ quality, limits })
    let bytes = 0
    acceptor.onStream = (stream) => {
      stream.onData = (chunk) => {
        bytes += chunk.length
      }
    }
    dialer.openStream().write(new Uint8Array(655_360))
    const tookMs = scheduler.runUntil(() => bytes === 655_360, 60_000)
    expect(tookMs).toBeGreaterThan(900)
    expect(tookMs).toBeLessThan(2_200)
  })

  it('lets streams overtake each other, but not their own bytes', async () => {
    const quality = { jitterMs: 200, segmentBytesMax: 3 }
    const { scheduler, dialer, acceptor } = await connected({ quality })
    const order: number[] = []
    const bytes = new Map<number, number[]>()
    acceptor.onStream = (stream) => {
      bytes.set(stream.id, [])
      stream.onData = (chunk) => {
        order.push(stream.id)
        bytes.get(stream.id)?.push(...chunk)
      }
    }
    const streams: Stream[] = Array.from({ length: 5 }, () => dialer.openStream())
    for (const stream of streams) stream.write(numbers(50))
    scheduler.runFor(5_000)
    expect(order).not.toEqual(order.toSorted((x, y) => x - y))
    for (const stream of streams) expect(bytes.get(stream.id)).toEqual([...numbers(50)])
  })

  it('is closed when its peer sends more than the window', async () => {
    const limits = { streamWindowBytes: 65_536 }
    const { scheduler, mesh, b, acceptor } = await connected({ limits })
    expect(acceptor.stats().streams).toBe(0)
    const link = mesh.link({ host: '10.0.0.9', port: 1 }, addresses[1])
    const uri = 'spiffe://test/nodosum/shop/n9'
    const leaf = { uri, authority: 'ca', notAfterMs: scheduler.wallMs() + 1_000_000 }
    const chain = [utf8Encode(JSON.stringify(leaf))]
    const hello = { protocol: 'nodosum/1', chain, windowBytes: 1_000, idleTimeoutMs: 10_000 }
    link.send(0, { kind: 'hello', ...hello })
    link.send(0, { kind: 'finish', ...hello })
    scheduler.runUntil(() => b.snapshot().connections.length === 2, 1_000)
    scheduler.runFor(10)
    link.send(0, { kind: 'data', stream: 0, bytes: new Uint8Array(65_537) })
    scheduler.runFor(10)
    expect(b.snapshot().connections).toHaveLength(1)
  })
})

describe('a simulated mesh', () => {
  /** Everything that a busy run on an unkind path tells, with its times. */
  async function trace(seed: string): Promise<string> {
    const { scheduler, mesh, dialer, acceptor } = await connected({ quality: unkindPath, seed })
    const lines: string[] = []
    acceptor.onStream = (stream) => {
      stream.onData = (chunk) => {
        lines.push(`${scheduler.nowMs()} ${stream.id} ${chunk.length}`)
        stream.write(chunk)
      }
    }
    for (let count = 0; count < 5; count += 1) dialer.openStream().write(new Uint8Array(100_000))
    scheduler.runFor(20_000)
    return `${lines.join('\n')}\n${JSON.stringify(mesh.counters)}`
  }

  it('repeats a run for the same seed, and has another for another', async () => {
    const first = await trace('seed 1')
    expect(await trace('seed 1')).toBe(first)
    expect(await trace('seed 2')).not.toBe(first)
    const { lost, stalls } = JSON.parse(first.split('\n').at(-1) ?? '') as Record<string, number>
    expect([lost, stalls].every((count) => (count ?? 0) > 0)).toBe(true)
  })

  it('breaks connections on demand, and both ends hear of it', async () => {
    const { scheduler, mesh, a, dialer, acceptor } = await connected({})
    mesh.breakConnections()
    const reasons = await settle(scheduler, Promise.all([dialer.closed, acceptor.closed]))
    expect(reasons.map(({ error }) => error?.message.includes('broke'))).toEqual([true, true])
    const again = await settle(scheduler, a.connect(addresses[1]))
    expect(again.peer.nodeId).toBe('n1')
  })

  it('has one transport at an address, and a place for it again when that is closed', async () => {
    const { scheduler, mesh, b } = await connected({})
    const options = { address: addresses[1], certificate: null, authority: 'ca' }
    expect(() => mesh.transport(options)).toThrow('cannot bind 10.0.0.2 port 7000')
    await settle(scheduler, b.close())
    mesh.setQuality({ delayMs: 5 })
    expect(mesh.transport(options).snapshot().listening).toBeNull()
  })
})

describe('settle', () => {
  it('gives what the promise gives, and moves time no further than needed', async () => {
    const scheduler = simulatedScheduler()
    const later = new Promise<string>((resolve) => {
      scheduler.after(500, () => resolve('done'))
    })
    scheduler.after(900, () => {})
    expect(await settle(scheduler, later)).toBe('done')
    expect(scheduler.nowMs()).toBe(500)
    await expect(settle(scheduler, Promise.reject(new Error('no')))).rejects.toThrow('no')
  })

  it('throws when the limit passes, and when nothing is left that could happen', async () => {
    const scheduler = simulatedScheduler()
    const never = new Promise<void>(() => {})
    await expect(settle(scheduler, never)).rejects.toThrow('no timer is left')
    const again = (): void => void scheduler.after(100, again)
    again()
    await expect(settle(scheduler, never, 1_000)).rejects.toThrow('have passed')
  })
})
