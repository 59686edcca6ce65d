import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { generateGossipKey, type Node } from '../src/index.ts'
import { type MemberProcess, ready, startMember } from './member-process.ts'
import {
  certificateFor,
  cluster,
  scratch,
  startDevelopment,
  startNode,
  until,
} from './start-nodes.ts'

describe('a closed node', () => {
  it('claims neither members nor connections', async () => {
    const [a, b] = (await startDevelopment('a', 'b')) as [Node, Node]
    const tagPrototypes = new Set(a.members().map(({ tags }) => Object.getPrototypeOf(tags)))
    expect(tagPrototypes.size).toBe(1)
    await b.close()
    const { status, checks } = b.health()
    expect(status).toBe('fail')
    for (const name of ['node', 'membership', 'transport']) {
      const check = checks.find((each) => each.name === name)
      expect(check).toEqual({ name, status: 'fail', detail: 'the node is closed' })
    }
  })
})

describe('draining', () => {
  it('finishes what runs, refuses what is new, and reports', async () => {
    const [a, b] = (await startDevelopment('a', 'b')) as [Node, Node]
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let started = false
    b.application('work').onRequest(async (payload) => {
      started = true
      await held
      return payload
    })
    await until(() => a.application('work').nodes().length === 1)
    const reply = a.application('work').request('b', 'tea', { timeoutMs: 20_000 })
    await until(() => started)
    const draining = b.drain({ deadlineMs: 20_000 })
    await until(() =>
      a.members().some(({ nodeId, state }) => nodeId === 'b' && state === 'draining'),
    )
    expect(a.application('work').nodes()).toEqual([])
    expect(b.health().status).toBe('draining')
    release()
    expect(await reply).toBe('tea')
    expect(await draining).toMatchObject({ complete: true, inFlightAtEnd: 0 })
    const late = a.application('work').request('b', 'coffee', { timeoutMs: 1_000 })
    await expect(late).rejects.toMatchObject({ class: 'temporary' })
  })

  it('says so when the deadline passes first', async () => {
    const [a, b] = (await startDevelopment('a', 'b')) as [Node, Node]
    let started = false
    b.application('work').onRequest((_payload, { signal }) => {
      started = true
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve(null)))
    })
    await until(() => a.application('work').nodes().length === 1)
    const reply = a.application('work').request('b', 'tea', { timeoutMs: 20_000 })
    const outcome = reply.catch((error: unknown) => error)
    await until(() => started)
    const report = await b.drain({ deadlineMs: 700 })
    expect(report).toMatchObject({ complete: false, inFlightAtStart: 1, inFlightAtEnd: 1 })
    await b.close()
    await outcome
  })
})

describe('closing', () => {
  it('settles every promise that waits, with a code', async () => {
    const [a, b] = (await startDevelopment('a', 'b')) as [Node, Node]
    b.application('work').onRequest(() => new Promise(() => undefined))
    await until(() => a.application('work').nodes().length === 1)
    const work = a.application('work')
    const waiting = [1, 2, 3].map((number) => work.request('b', number, { timeoutMs: 60_000 }))
    const outcomes = Promise.allSettled(waiting)
    await until(() => b.metrics().applications.work?.received === 3)
    await a.close()
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: /^ERR_NODOSUM_/ } })
    }
    expect(await a.closed).toEqual({ kind: 'closed', error: null })
    expect(() => work.trySend('b', 1)).not.toThrow()
    expect(work.trySend('b', 1)).toBe('ERR_NODOSUM_SHUT_DOWN')
    await expect(work.request('b', 1)).rejects.toMatchObject({ code: 'ERR_NODOSUM_SHUT_DOWN' })
    await a.close()
  })

  it('hands over what was accepted, on every lane and to itself', async () => {
    const [a, b] = (await startDevelopment('a', 'b')) as [Node, Node]
    const heard: unknown[] = []
    for (const node of [a, b]) node.application('work').onMessage((each) => void heard.push(each))
    const work = a.application('work')
    await until(() => work.nodes().length === 2)
    const undelivered: unknown[] = []
    a.on('undelivered', (message) => undelivered.push(message))
    const sent: string[] = []
    for (let number = 0; number < 500; number++) {
      const [to, lane] = [
        number % 50 === 0 ? 'a' : 'b',
        number % 3 === 0 ? work.lane('audit') : work,
      ]
      // Larger than what the transport takes at once.
      const payload = `${number}`.padEnd(2_000, '.')
      sent.push(payload)
      await lane.send(to, payload)
    }
    await a.close()
    expect(heard.toSorted()).toEqual(sent.toSorted())
    const { accepted, delivered, inFlight } = a.metrics().applications.work ?? {}
    expect({ accepted, delivered, inFlight }).toEqual({
      accepted: 500,
      delivered: 500,
      inFlight: 0,
    })
    expect(undelivered).toEqual([])
  })

  it('says what it could not hand over in time', async () => {
    const developmentDirectory = scratch()
    const shared = { profile: 'development', developmentDirectory } as const
    const [a, b] = await Promise.all([
      startNode({ nodeId: 'a', ...shared, layers: { messaging: { flushTimeoutMs: 200 } } }),
      startNode({ nodeId: 'b', ...shared, layers: { messaging: { handlerConcurrencyMax: 1 } } }),
    ])
    b.application('work').onMessage(() => new Promise(() => undefined))
    const work = a.application('work')
    await until(() => work.nodes().length === 1)
    const undelivered: unknown[] = []
    a.on('undelivered', ({ code }) => undelivered.push(code))
    for (let number = 0; number < 10; number++) await work.send('b', number)
    await a.close()
    expect(b.metrics().applications.work?.received).toBe(1)
    expect(a.metrics().applications.work).toMatchObject({
      accepted: 10,
      delivered: 1,
      unknown: 9,
      inFlight: 0,
    })
    expect(undelivered).toEqual(Array(9).fill('ERR_NODOSUM_DELIVERY_UNKNOWN'))
  })

  it('works with `await using`', async () => {
    const [a] = (await startDevelopment('a')) as [Node]
    {
      await using node: Node = a
      expect(node.health().status).toBe('ok')
    }
    expect(a.health().status).toBe('fail')
  })
})

describe('a process with a node', () => {
  it('ends by itself when createNode rejects, and leaves no file behind', async () => {
    const directory = scratch()
    const member = startMember({
      cluster,
      listen: { host: '127.0.0.1', port: 0 },
      discovery: { seeds: ['127.0.0.1:9'] },
      join: { timeoutMs: 300 },
      identity: await certificateFor('a', scratch()),
      gossipKeys: [generateGossipKey()],
      dataDirectory: directory,
    })
    expect(await member.ended).toBe('exit 0')
    expect(member.facts).toEqual([{ rejected: 'ERR_NODOSUM_JOIN_TIMEOUT' }])
    // How often the node was started is noted there, if there was time; nothing else is.
    const left = readdirSync(directory).filter((file) => file !== 'membership')
    expect(left).toEqual([])
  })

  it('ends by itself after close, without unhandled rejections', async () => {
    const developmentDirectory = scratch()
    const options = { cluster, profile: 'development', developmentDirectory }
    const member = startMember({ ...options, nodeId: 'a' })
    await ready(member)
    member.kill('SIGTERM')
    expect(await member.ended).toBe('SIGTERM')
    expect(member.facts).toEqual([{ ready: 'a' }, { kind: 'closed', error: null }])
  })

  it('drains on SIGTERM: the request that runs gets its reply', async () => {
    const developmentDirectory = scratch()
    const options = { cluster, profile: 'development', developmentDirectory } as const
    const a = await startNode({ nodeId: 'a', ...options })
    const member = startMember({ ...options, nodeId: 'b', handleMs: 1_500 })
    await ready(member)
    await until(() => a.application('work').nodes().length === 1)
    const reply = a.application('work').request('b', 'tea', { timeoutMs: 20_000 })
    await until(() => member.facts.some((fact) => 'started' in fact))
    member.kill('SIGTERM')
    expect(await reply).toBe('tea')
    expect(await member.ended).toBe('SIGTERM')
    await until(() => a.members().some(({ nodeId, state }) => nodeId === 'b' && state === 'left'))
  })
})

describe('a process that is killed', () => {
  it('and starts again at once, at the same port, takes requests at once', async () => {
    const developmentDirectory = scratch()
    const shared = { profile: 'development', developmentDirectory } as const
    const a = await startNode({ nodeId: 'a', ...shared })
    const work = a.application('work')
    const start = (port: number): MemberProcess =>
      startMember({ nodeId: 'b', cluster, ...shared, listen: { host: '127.0.0.1', port } })
    const first = start(0)
    await ready(first)
    await until(() => work.nodes().length === 1)
    expect(await work.request('b', 'tea')).toBe('tea')
    const bootOfB = (): string => a.members().find(({ nodeId }) => nodeId === 'b')?.bootId ?? ''
    const port = a.members().find(({ nodeId }) => nodeId === 'b')?.addresses[0]?.udpPort ?? 0
    const before = bootOfB()
    first.kill('SIGKILL')
    await first.ended
    const undecided = work.request('b', 'lost', { timeoutMs: 60_000 }).catch(({ code }) => code)
    const second = start(port)
    await ready(second)
    await until(() => bootOfB() !== before)
    // Less than the 10 s of silence after which a connection is given up.
    const reply = work.request('b', 'coffee', { timeoutMs: 5_000, idempotent: true })
    expect(await reply).toBe('coffee')
    expect(await undecided).toBe('ERR_NODOSUM_DELIVERY_UNKNOWN')
    expect(first.facts.concat(second.facts).filter((fact) => 'unhandled' in fact)).toEqual([])
  }, 60_000)

  it('lets go of what waits for it soon after it is found to have failed', async () => {
    const developmentDirectory = scratch()
    // Nothing but the verdict ends the connection before the test does.
    const layers = {
      pool: { stallTimeoutMs: 120_000 },
      quic: { idleTimeoutMs: 120_000 },
      membership: { suspicionMinMs: 1_000, suspicionMaxMultiple: 1 },
      streams: { retentionMs: 500 },
    } as const
    const shared = { profile: 'development', developmentDirectory, layers } as const
    const a = await startNode({ nodeId: 'a', ...shared })
    const work = a.application('work')
    const b = startMember({ nodeId: 'b', cluster, ...shared, handleMs: 120_000 })
    await ready(b)
    await until(() => work.nodes().length === 1)
    const codes: string[] = []
    for (const idempotent of [false, true]) {
      const options = { timeoutMs: 120_000, idempotent }
      void work.request('b', idempotent, options).catch(({ code }) => codes.push(code))
    }
    await until(() => b.facts.filter((fact) => 'started' in fact).length === 2)
    b.kill('SIGKILL')
    await until(() => a.metrics().members.failed === 1)
    await until(() => codes.length === 2, 10_000)
    expect(codes).toContain('ERR_NODOSUM_DELIVERY_UNKNOWN')
    expect(a.metrics().applications.work).toMatchObject({ unknown: 2, inFlight: 0 })
  }, 60_000)

  it('is noticed within 15 s, and seen again when it returns', async () => {
    const developmentDirectory = scratch()
    const options = { cluster, profile: 'development', developmentDirectory }
    const start = (nodeId: string): MemberProcess => startMember({ ...options, nodeId })
    const members = [start('a'), start('b'), start('c')] as const
    await Promise.all(members.map(ready))
    const [a, b, c] = members
    const kindsOfC = ({ facts }: MemberProcess): unknown[] =>
      facts
        .filter(({ kind, nodeId }) => nodeId === 'c' && kind !== 'updated')
        .map(({ kind }) => kind)
    const bothEndWith = (kind: string): boolean =>
      [a, b].every((member) => kindsOfC(member).at(-1) === kind)
    c.kill('SIGKILL')
    expect(await c.ended).toBe('SIGKILL')
    await until(() => bothEndWith('failed'), 15_000)
    await ready(start('c'))
    await until(() => bothEndWith('joined'), 15_000)
    // Once each: a member that has failed is not suspected again.
    for (const member of [a, b]) {
      expect(kindsOfC(member).filter((kind) => kind === 'failed')).toHaveLength(1)
    }
    expect(a.facts.filter((fact) => 'unhandled' in fact)).toEqual([])
  }, 60_000)
})
