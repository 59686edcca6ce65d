import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { processIsAlive } from '../../src/node.ts'

describe('processIsAlive', () => {
  it('sees this process', () => {
    expect(processIsAlive(process.pid)).toBe(true)
  })

  it('sees a child until it has ended', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'])
    const pid = child.pid as number
    expect(processIsAlive(pid)).toBe(true)
    child.stdin.end()
    await once(child, 'exit')
    expect(processIsAlive(pid)).toBe(false)
  })

  it('takes a process that belongs to somebody else for alive', () => {
    const kill = vi.spyOn(process, 'kill').mockImplementation(() => {
      throw Object.assign(new Error('not permitted'), { code: 'EPERM' })
    })
    try {
      expect(processIsAlive(4_000)).toBe(true)
    } finally {
      kill.mockRestore()
    }
  })

  it.each([0, -1, 1.5, Number.NaN])('never asks about %d, which names no single process', (pid) => {
    const kill = vi.spyOn(process, 'kill').mockReturnValue(true)
    try {
      expect(processIsAlive(pid)).toBe(false)
      expect(kill).not.toHaveBeenCalled()
    } finally {
      kill.mockRestore()
    }
  })
})
