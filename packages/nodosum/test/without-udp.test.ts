import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { generateGossipKey, type NodeOptions } from '../src/index.ts'
import { certificateFor, cluster, scratch, until } from './start-nodes.ts'

// Each waits for conditions, on machines that may be busy.
vi.setConfig({ testTimeout: 90_000 })

interface Sight {
  readonly states: Readonly<Record<string, string>>
  readonly health: { readonly status: string; readonly detail: string }
  readonly keys: readonly string[]
  readonly detours: { readonly sent: number; readonly received: number; introductions: number }
}

/** Nodes on a network of their own. */
interface OwnNetwork {
  /** Resolves to what the command resolves to, or to the code it failed with. */
  run(command: string): Promise<unknown>
  look(id: string): Promise<Sight>
  /** Changes that nodes have seen, as `a: b suspect`. */
  changes(): string[]
}

const portOf = (at: number): number => 7_001 + at

async function ownNetwork(
  keys: readonly string[],
  layers: NodeOptions['layers'] = {},
): Promise<OwnNetwork> {
  const directory = scratch()
  const plans: NodeOptions[] = await Promise.all(
    keys.map(async (key, at) => ({
      cluster,
      nodeId: 'abcd'[at] as string,
      identity: await certificateFor('abcd'[at] as string, directory),
      listen: { host: '127.0.0.1', port: portOf(at) },
      gossipKeys: [key],
      discovery: { seeds: [`127.0.0.1:${portOf(0)}`] },
      join: { alone: at === 0, timeoutMs: 20_000 },
      layers,
    })),
  )
  const program = join(import.meta.dirname, 'programs', 'without-udp.ts')
  const child = spawn(
    'unshare',
    [
      ...['--map-root-user', '--net', '--', process.execPath],
      ...['-C', 'nodosum-source', program, JSON.stringify(plans)],
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  onTestFinished(() => void child.kill('SIGKILL'))
  const facts: Record<string, unknown>[] = []
  let rest = ''
  child.stdout.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n')
    rest = lines.pop() ?? ''
    facts.push(...lines.map((line) => JSON.parse(line) as Record<string, unknown>))
  })
  await until(() => facts.some((fact) => fact.ready === true))
  const run = async (command: string): Promise<unknown> => {
    const before = facts.length
    child.stdin.write(`${command}\n`)
    const isAnswer = (fact: Record<string, unknown>): boolean => fact.done === command
    await until(() => facts.slice(before).some(isAnswer), 40_000)
    const answer = facts.slice(before).find(isAnswer)
    return answer?.error ?? answer?.result
  }
  return {
    run,
    look: async (id) => (await run(`look ${id}`)) as Sight,
    changes: () =>
      facts.flatMap(({ at, kind, nodeId }) =>
        at === undefined ? [] : [`${at}: ${nodeId} ${kind}`],
      ),
  }
}

/** Waits until what a node sees is so; when it does not get so, says what it saw last. */
async function sees(
  network: OwnNetwork,
  id: string,
  isSo: (sight: Sight) => boolean,
): Promise<Sight> {
  const untilMs = Date.now() + 40_000
  for (;;) {
    const sight = await network.look(id)
    if (isSo(sight)) return sight
    if (Date.now() > untilMs) {
      throw new Error(`${id} sees ${JSON.stringify(sight)} after ${network.changes().join('; ')}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

const takesAround =
  (...others: readonly string[]) =>
  ({ health }: Sight): boolean =>
    health.status === 'degraded' &&
    health.detail.includes('over TCP') &&
    others.every((other) => health.detail.includes(other))

const isAlive =
  (...others: readonly string[]) =>
  ({ states }: Sight): boolean =>
    others.every((other) => states[other] === 'alive')

describe('where UDP does not pass', () => {
  it('nodes join over TCP and say so; with UDP they go back to it', async () => {
    const key = generateGossipKey()
    const network = await ownNetwork([key, key, key])
    expect(await network.run('cut')).toBe(null)
    for (const at of [0, 1, 2]) expect(await network.run(`start ${at}`)).toBe('abc'[at])
    for (const id of ['a', 'b', 'c']) await sees(network, id, isAlive('a', 'b', 'c'))
    expect(await network.run('ask b c')).toBe('tea')
    await sees(network, 'a', takesAround('b', 'c'))
    await sees(network, 'b', takesAround('a', 'c'))

    expect(await network.run('let')).toBe(null)
    for (const id of ['a', 'b', 'c']) {
      await sees(network, id, ({ health }) => health.status === 'ok')
    }
    expect(network.changes().filter((change) => change.endsWith('failed'))).toEqual([])
  })

  it('in one direction only, both ends find it out and nobody dies', async () => {
    const key = generateGossipKey()
    const network = await ownNetwork([key, key])
    await network.run('start 0 h2')
    await network.run('start 1 h2')
    await sees(network, 'a', isAlive('b'))
    await network.run(`cut ${portOf(1)}`)
    const { detours } = await sees(network, 'a', takesAround('b'))
    await sees(network, 'b', takesAround('a'))
    await sees(network, 'a', (sight) => sight.detours.sent > detours.sent + 20)
    expect(network.changes().filter((change) => change.endsWith('failed'))).toEqual([])
  })

  it('any more, connections over QUIC give way to TCP, and whoever was lost comes back', async () => {
    const key = generateGossipKey()
    const network = await ownNetwork([key, key, key])
    for (const at of [0, 1, 2]) await network.run(`start ${at}`)
    for (const id of ['a', 'b', 'c']) await sees(network, id, isAlive('a', 'b', 'c'))
    expect(await network.run('ask a b')).toBe('tea')
    await network.run('cut')
    await sees(network, 'a', takesAround('b', 'c'))
    for (const id of ['a', 'b', 'c']) await sees(network, id, isAlive('a', 'b', 'c'))
    expect(await network.run('ask a b')).toBe('tea')
  })
})

describe('where connections pass and gossip does not', () => {
  it('who talks is not accused; who falls silent is', async () => {
    const key = generateGossipKey()
    const membership = { probePeriodMs: 400, probeTimeoutMs: 100, watchPeriodMs: 400 }
    const network = await ownNetwork([key, key], { membership })
    // Without HTTP/2 gossip has no other way.
    for (const at of [0, 1]) await network.run(`start ${at} quic`)
    for (const id of ['a', 'b']) await sees(network, id, isAlive('a', 'b'))
    expect(await network.run('ask a b')).toBe('tea')
    await network.run('chat a b')
    expect(await network.run('deafen')).toBe(null)
    // More than ten probes of each fail.
    await network.run('wait 5000')
    expect(network.changes().filter((change) => /suspect|failed/.test(change))).toEqual([])
    await network.run('rest')
    await sees(network, 'a', ({ states }) => states.b !== 'alive')
    await sees(network, 'b', ({ states }) => states.a !== 'alive')
  })
})

describe('a node whose gossip keys nobody knows any more', () => {
  it('gets the present ones by its certificate over TCP, and joins', async () => {
    const key = generateGossipKey()
    const network = await ownNetwork([key, key])
    await network.run('start 0')
    const present = await network.run('rotate a')
    expect(await network.run('start 1')).toBe('b')
    await sees(network, 'a', isAlive('b'))
    expect((await network.look('b')).keys).toEqual([present])
    expect((await network.look('b')).detours.introductions).toBe(1)
  })
})
