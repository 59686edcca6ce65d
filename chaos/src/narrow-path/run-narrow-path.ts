/** QUIC over the narrowest path that IPv6 allows: two network namespaces, and a cable of 1,280 bytes. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { makeCertificates } from '../../../packages/transport-quic/test/certificates.ts'
import type { NarrowNode, NarrowReport } from './narrow-node.ts'

/** One connection over the path. */
export interface NarrowRun {
  readonly packetBytes: 'auto' | number
  /** Whether the path drops fragments, as many firewalls do. */
  readonly dropsFragments: boolean
  /** To echo. */
  readonly bytes: number
}

const cableBytes = 1_280
const sides = ['a', 'b'] as const

/** @throws when this process may not make namespaces, or `ip` or `nft` is missing */
export async function runNarrowPath(run: NarrowRun): Promise<NarrowReport> {
  const name = `narrow${process.pid}`
  const certificates = makeCertificates()
  const children: ChildProcess[] = []
  const names = sides.map((side) => `${name}${side}`)
  const start = async (side: number, order: Omit<NarrowNode, 'host' | 'credentials'>) => {
    const host = hostOf(side)
    const credentials = certificates.issue(`spiffe://test/nodosum/shop/${sides[side]}`)
    const program = join(import.meta.dirname, 'narrow-node.ts')
    const given = JSON.stringify({ host, credentials, ...order } satisfies NarrowNode)
    const command = [process.execPath, '-C', 'nodosum-source', program, given]
    const child = spawn('ip', ['netns', 'exec', String(names[side]), ...command], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    children.push(child)
    const lines = createInterface({ input: child.stdout })
    const line = once(lines, 'line').then(([text]) => JSON.parse(String(text)) as unknown)
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`an end of the narrow path ended with ${code} and said nothing`)
    })
    ended.catch(() => {})
    return await Promise.race([line, ended])
  }
  try {
    makeNamespaces(names, run.dropsFragments)
    const { packetBytes, bytes } = run
    const listener = (await start(1, { packetBytes, bytes })) as {
      listening: { host: string; port: number }
    }
    return (await start(0, { packetBytes, bytes, remote: listener.listening })) as NarrowReport
  } finally {
    for (const child of children) child.kill('SIGKILL')
    certificates.remove()
    for (const each of names) quietly('ip', 'netns', 'del', each)
  }
}

function makeNamespaces(names: readonly string[], dropsFragments: boolean): void {
  const [first, second] = names as [string, string]
  const ip = (...words: string[]): void => void execFileSync('ip', words, { stdio: 'pipe' })
  for (const name of names) ip('netns', 'add', name)
  const [near, far] = [`v-${first}`.slice(0, 15), `w-${second}`.slice(0, 15)]
  ip(
    ...['link', 'add', near, 'netns', first, 'type', 'veth'],
    ...['peer', 'name', far, 'netns', second],
  )
  for (const [side, [name, link]] of [[first, near] as const, [second, far] as const].entries()) {
    const inside = (...words: string[]): void => ip('netns', 'exec', name, ...words)
    inside('ip', 'link', 'set', 'lo', 'up')
    inside('ip', 'link', 'set', link, 'mtu', String(cableBytes), 'up')
    inside('ip', '-6', 'addr', 'add', `${hostOf(side)}/64`, 'dev', link, 'nodad')
    if (!dropsFragments) continue
    execFileSync('ip', ['netns', 'exec', name, 'nft', '-f', '-'], {
      // Before the system puts them together.
      input:
        'table inet narrow { chain in { type filter hook prerouting priority -500; ' +
        'exthdr frag exists drop\n}\n}\n',
      stdio: ['pipe', 'ignore', 'pipe'],
    })
  }
}

function quietly(command: string, ...words: string[]): void {
  try {
    execFileSync(command, words, { stdio: 'pipe' })
  } catch {
    // It was never made.
  }
}

function hostOf(side: number): string {
  return `fd77::${side + 1}`
}
