import type { Connection } from '@nodosum/transport'
import { describe, expect, it } from 'vitest'
import { layerCodes } from '../../src/core/close-codes.ts'
import { connect } from '../connected-pair.ts'
import { type TestNode, until } from '../harness.ts'
import { type RawClient, rawDial } from '../raw-client.ts'
import { testSeal } from '../sealed.ts'
import { closers, first, second, start } from '../trusted-nodes.ts'

const dialerPings = 0
const acceptorPings = 1

/** A node of the cluster that does not run our driver. */
async function hostileDialer(): Promise<{ raw: RawClient; node: TestNode; victim: Connection }> {
  const node = await start({ credentials: second, options: { closeTimeoutMs: 100 } })
  const accepted: Connection[] = []
  await node.transport.listen((connection) => accepted.push(connection))
  const raw = await rawDial(node.address, {
    ...first,
    protocol: 'nodosum/1',
    handshakes: testSeal(),
  })
  closers.push(() => raw.close())
  await until('it is accepted', () => accepted.length === 1)
  return { raw, node, victim: accepted[0] as Connection }
}

async function expectClosed(raw: RawClient, victim: Connection, why: string): Promise<void> {
  const reason = await victim.closed
  expect(reason.remote).toBe(false)
  expect(reason.error?.code).toBe('ERR_NODOSUM_CONNECTION_LOST')
  expect(reason.error?.message).toContain(why)
  await until('the other end hears of it', () => raw.engine.peerError() !== null)
  expect(raw.engine.peerError()?.errorCode).toBe(layerCodes.pingViolation)
}

function echoed(raw: RawClient, stream: number): Buffer | null {
  const buffer = Buffer.alloc(1_000)
  if (![...raw.engine.readable()].includes(stream)) return null
  const read = raw.engine.streamRecv(stream, buffer)
  return read === null ? null : buffer.subarray(0, read[0])
}

describe('pings', () => {
  it('are echoed as they came, also in halves, and no stream is surfaced', async () => {
    const { raw, victim } = await hostileDialer()
    let streams = 0
    victim.onStream = () => {
      streams += 1
    }
    const frame = Buffer.from('8 octets')
    raw.engine.streamSend(dialerPings, frame.subarray(0, 3), false)
    raw.flush()
    let got = Buffer.alloc(0)
    const collect = (): number => {
      got = Buffer.concat([got, echoed(raw, dialerPings) ?? Buffer.alloc(0)])
      return got.length
    }
    await until('the first part comes back', () => collect() === 3)
    raw.engine.streamSend(dialerPings, frame.subarray(3), false)
    raw.flush()
    await until('the rest comes back', () => collect() === 8)
    expect(got.toString()).toBe('8 octets')
    expect(streams).toBe(0)
    expect(victim.stats().streams).toBe(0)
  })

  it('beyond 16 unanswered ones end the connection', async () => {
    const { raw, victim } = await hostileDialer()
    raw.engine.streamSend(dialerPings, Buffer.alloc(17 * 8), false)
    raw.flush()
    await expectClosed(raw, victim, 'more than 16 pings unanswered')
  })

  it('of 16 at once are answered', async () => {
    const { raw, victim } = await hostileDialer()
    raw.engine.streamSend(dialerPings, Buffer.alloc(16 * 8, 7), false)
    raw.flush()
    let bytes = 0
    await until('all come back', () => {
      bytes += echoed(raw, dialerPings)?.length ?? 0
      return bytes === 16 * 8
    })
    expect(victim.stats().streams).toBe(0)
  })

  it('whose stream is ended or reset end the connection', async () => {
    const ended = await hostileDialer()
    ended.raw.engine.streamSend(dialerPings, Buffer.alloc(8), true)
    ended.raw.flush()
    await expectClosed(ended.raw, ended.victim, 'it ended a stream of pings')
    const reset = await hostileDialer()
    reset.raw.engine.streamSend(dialerPings, Buffer.alloc(8), false)
    reset.raw.flush()
    await until('the echo', () => echoed(reset.raw, dialerPings) !== null)
    reset.raw.engine.streamShutdown(dialerPings, 1, 5)
    reset.raw.flush()
    await expectClosed(reset.raw, reset.victim, 'it reset a stream of pings')
  })

  it('are answered only by their own bytes', async () => {
    const { raw, victim } = await hostileDialer()
    const ping = victim.ping()
    const outcome = ping.then(String, (error: { code: string }) => error.code)
    let question: Buffer | null = null
    await until('the ping arrives', () => {
      question = echoed(raw, acceptorPings)
      return question !== null
    })
    expect(question).toHaveLength(8)
    raw.engine.streamSend(acceptorPings, Buffer.from('guessed!'), false)
    raw.flush()
    await expectClosed(raw, victim, 'it answered a ping that was not sent')
    expect(await outcome).toBe('ERR_NODOSUM_CONNECTION_LOST')
  })

  it('are answered beside a stream that nobody reads', async () => {
    const pair = await connect({ streamWindowBytes: 65_536 })
    pair.acceptor.onStream = (stream) => stream.pause()
    const stream = pair.dialer.openStream()
    for (let index = 0; index < 50; index += 1) stream.write(Buffer.alloc(10_000))
    expect(await pair.dialer.ping()).toBeGreaterThan(0)
    expect(stream.bufferedBytes).toBeGreaterThan(0)
  })
})
