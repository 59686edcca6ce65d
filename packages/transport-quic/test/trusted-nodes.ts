/** Nodes of one CA that the end of each test closes; what it makes is gone after the file. */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isNodosumError } from '@nodosum/kernel'
import type { TransportCredentials } from '@nodosum/transport'
import { afterAll, afterEach } from 'vitest'
import { type Certificates, makeCertificates } from './certificates.ts'
import { connectPair, startNode, type TestNode } from './harness.ts'

export const certificates: Certificates = makeCertificates()
export const first: TransportCredentials = certificates.issue('spiffe://test/nodosum/shop/first')
export const second: TransportCredentials = certificates.issue('spiffe://test/nodosum/shop/second')
const directory = mkdtempSync(join(tmpdir(), 'nodosum-quic-child-'))
/** What the end of a test closes, last first. */
export const closers: (() => unknown)[] = []

writeFileSync(join(directory, 'credentials.json'), JSON.stringify(second))

afterAll(() => {
  certificates.remove()
  rmSync(directory, { recursive: true, force: true })
})
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

export async function start(options: Parameters<typeof startNode>[0]): Promise<TestNode> {
  const node = await startNode(options)
  closers.push(() => node.close())
  return node
}

export async function pairOf(
  ...options: Parameters<typeof connectPair>
): ReturnType<typeof connectPair> {
  const pair = await connectPair(...options)
  closers.push(() => pair.close())
  return pair
}

/** The code that a promise rejects with. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'resolved'
  } catch (error) {
    return isNodosumError(error) ? error.code : String(error)
  }
}

/** Another process with a QUIC listener; the mode says what it does. */
export async function startChild(
  mode: string,
  options = {},
): Promise<{ child: ChildProcess; port: number }> {
  const child = fork(new URL('./child-node.ts', import.meta.url), [mode, directory], {
    execArgv: ['-C', 'nodosum-source'],
    env: { ...process.env, QUIC_OPTIONS: JSON.stringify(options) },
  })
  closers.push(() => child.kill('SIGKILL'))
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve((message as { port: number }).port))
    child.once('exit', (code) => reject(new Error(`the child ended with ${code}`)))
  })
  return { child, port }
}
