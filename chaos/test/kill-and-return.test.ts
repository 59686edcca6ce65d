import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { audit } from '../src/audit.ts'

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'nodosum-chaos-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

async function startNode(nodeId: string, directory: string): Promise<ChildProcess> {
  const program = join(import.meta.dirname, '../src/ledger-node.ts')
  const child = fork(program, [nodeId, directory], { execArgv: ['-C', 'nodosum-source'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child, 'message')
  return child
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.send('stop')
  await ended
}

describe('nodes that are killed in the middle of traffic', () => {
  it('lose nothing that was told as handled, and nobody hears anything twice', async () => {
    const directory = scratch()
    const ids = ['a', 'b', 'c', 'd']
    const nodes = new Map(
      await Promise.all(
        ids.map(
          async (id): Promise<[string, ChildProcess]> => [id, await startNode(id, directory)],
        ),
      ),
    )
    const handled = (): number => audit(directory).handledAsTold
    const goOn = async (count: number): Promise<void> => {
      const from = handled()
      await vi.waitUntil(() => handled() > from + count, { timeout: 30_000, interval: 50 })
    }
    await goOn(500)
    for (const id of ['b', 'd', 'b']) {
      const victim = nodes.get(id) as ChildProcess
      const ended = once(victim, 'exit')
      victim.kill('SIGKILL')
      await ended
      await goOn(200)
      nodes.set(id, await startNode(id, directory))
      await goOn(300)
    }
    await Promise.all([...nodes.values()].map(stop))

    const books = audit(directory)
    expect(books.lost).toEqual([])
    expect(books.repeated).toEqual([])
    expect(books.invented).toEqual([])
    expect(books.handledAsTold).toBeGreaterThan(2_000)
    // Somebody was on the way to a victim; a run in which nothing happened proves nothing.
    expect(books.unknown).toBeGreaterThan(0)
    // At most one message to each of three peers was open at each of three kills.
    expect(books.open.length).toBeLessThanOrEqual(9)
    const allowed = ['DELIVERY_UNKNOWN', 'PEER_UNKNOWN', 'NOT_CONNECTED', 'NO_HANDLER', 'SHUT_DOWN']
    const codes = allowed.map((code) => `ERR_NODOSUM_${code}`)
    for (const code of Object.keys(books.otherOutcomes)) expect(codes).toContain(code)
  }, 120_000)
})

describe('the audit', () => {
  const book = (directory: string, name: string, ...entries: object[]): void => {
    const lines = entries.map((entry) => JSON.stringify(entry))
    writeFileSync(join(directory, `${name}.jsonl`), `${lines.join('\n')}\n{"torn`)
  }

  it('sees what was lost, repeated, invented and left open', () => {
    const directory = scratch()
    book(directory, 'a.1.sent', { id: 'lost' }, { id: 'twice' }, { id: 'open' }, { id: 'unsure' })
    book(
      directory,
      'a.1.ended',
      { id: 'lost', outcome: 'handled' },
      { id: 'twice', outcome: 'handled' },
      { id: 'unsure', outcome: 'ERR_NODOSUM_DELIVERY_UNKNOWN' },
    )
    book(directory, 'b.1.handled', { id: 'twice' }, { id: 'twice' }, { id: 'invented' })
    expect(audit(directory)).toEqual({
      sent: 4,
      handledAsTold: 2,
      unknown: 1,
      otherOutcomes: { ERR_NODOSUM_DELIVERY_UNKNOWN: 1 },
      open: ['open'],
      lost: ['lost'],
      repeated: ['twice'],
      invented: ['invented'],
    })
  })
})
