import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { makeCertificates } from '../certificates.ts'

const certificates = makeCertificates()
const directory = mkdtempSync(join(tmpdir(), 'nodosum-quic-hang-'))
const credentials = certificates.issue('spiffe://test/nodosum/shop/first')
writeFileSync(join(directory, 'credentials.json'), JSON.stringify(credentials))
afterAll(() => {
  certificates.remove()
  rmSync(directory, { recursive: true, force: true })
})

async function startProcess(options: object): Promise<{ child: ChildProcess; said(): string }> {
  const child = fork(new URL('../hanging-process.ts', import.meta.url), [directory], {
    execArgv: ['-C', 'nodosum-source'],
    env: { ...process.env, QUIC_OPTIONS: JSON.stringify(options) },
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let text = ''
  child.stderr?.on('data', (chunk) => {
    text += chunk
  })
  await once(child, 'message')
  return { child, said: () => text }
}

const forever = 1_000_000

describe('the watchdog', () => {
  it('ends a process whose main thread does not return, and says why', async () => {
    const { child, said } = await startProcess({ hangWatchdog: true, hangTimeoutMs: 1_000 })
    child.send({ standStillMs: forever })
    const [code, signal] = await once(child, 'close')
    expect([code, signal]).toEqual([null, 'SIGKILL'])
    expect(said()).toContain('ERR_NODOSUM_EVENT_LOOP_STUCK')
    expect(said()).toContain(`process ${child.pid}`)
    expect(said()).toContain('hangTimeoutMs 1000')
  })

  it('leaves a process alone that comes back in time, or was stopped as a whole', async () => {
    const { child, said } = await startProcess({ hangWatchdog: true, hangTimeoutMs: 2_000 })
    child.send({ standStillMs: 500 })
    await once(child, 'message')
    child.kill('SIGSTOP')
    await sleep(3_000)
    child.kill('SIGCONT')
    child.send({ standStillMs: 0 })
    await once(child, 'message')
    child.send({ close: true })
    expect(await once(child, 'exit')).toEqual([0, null])
    expect(said()).toBe('')
  })

  it('is off by default', async () => {
    const { child } = await startProcess({ hangTimeoutMs: 1_000 })
    child.send({ standStillMs: 2_500 })
    expect(await once(child, 'message')).toEqual(['back', undefined])
  })
})
