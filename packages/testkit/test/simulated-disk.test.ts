import { seededRandom } from '@nodosum/kernel'
import { describe, expect, it } from 'vitest'
import { simulatedDisk, simulatedScheduler } from '../src/index.ts'

function oneDisk(limits: { filesMax?: number; bytesMax?: number } = {}) {
  const scheduler = simulatedScheduler()
  const disk = simulatedDisk({ scheduler, random: seededRandom('disk'), syncMs: 5, ...limits })
  const done: string[] = []
  const write = (name: string, ...bytes: number[]): void =>
    disk.write(name, Uint8Array.from(bytes), (result) =>
      done.push(`${name} ${result} at ${scheduler.nowMs()}`),
    )
  return { scheduler, disk, done, write }
}

describe('a simulated disk', () => {
  it('shows a write at once and makes it durable later, in order', () => {
    const { scheduler, disk, done, write } = oneDisk()
    write('a', 1)
    write('b', 2)
    write('a', 3)
    expect(disk.read('a')).toEqual(Uint8Array.of(3))
    expect(disk.read('c')).toBeUndefined()
    scheduler.runFor(5)
    expect(done).toEqual(['a durable at 5', 'b durable at 5', 'a durable at 5'])
    expect(disk.read('a')).toEqual(Uint8Array.of(3))
  })

  it('may lose what is not durable when the power goes, and nothing else', () => {
    const { scheduler, disk, done, write } = oneDisk()
    for (let file = 0; file < 100; file += 1) write(`${file}`, 1)
    scheduler.runFor(5)
    for (let file = 0; file < 100; file += 1) write(`${file}`, 2)
    disk.losePower()
    scheduler.runFor(50)
    const contents = Array.from({ length: 100 }, (_, file) => disk.read(`${file}`)?.[0])
    const lost = contents.filter((content) => content === 1).length
    expect(disk.counters.lostWrites).toBe(lost)
    expect(lost).toBeGreaterThan(25)
    expect(contents.filter((content) => content === 2)).toHaveLength(100 - lost)
    // Nobody hears that a lost write is durable.
    expect(done).toHaveLength(100)
  })

  it('makes nothing durable while it stalls', () => {
    const { scheduler, disk, done, write } = oneDisk()
    disk.stall(100)
    write('a', 1)
    scheduler.runFor(99)
    expect(done).toEqual([])
    scheduler.runFor(1)
    expect(done).toEqual(['a durable at 100'])
    disk.stall(1e12)
    write('a', 2)
    scheduler.runFor(1_000)
    disk.stall(0)
    scheduler.runFor(5)
    expect(done).toEqual(['a durable at 100', 'a durable at 1100'])
    expect(disk.counters.stalls).toBe(2)
  })

  it('refuses what does not fit and changes nothing', () => {
    const { scheduler, disk, done, write } = oneDisk({ filesMax: 2, bytesMax: 4 })
    write('a', 1, 2)
    write('b', 3, 4)
    write('b', 3, 4, 5)
    write('c')
    scheduler.runFor(5)
    expect(done).toEqual(['b full at 0', 'c full at 0', 'a durable at 5', 'b durable at 5'])
    expect([disk.read('b'), disk.read('c')]).toEqual([Uint8Array.of(3, 4), undefined])
    expect(disk.counters.refusedWrites).toBe(2)
  })

  it('can be wiped, and cloned as far as it is durable', () => {
    const { scheduler, disk, write } = oneDisk()
    write('a', 1)
    scheduler.runFor(5)
    write('b', 2)
    const other = simulatedDisk({ scheduler, random: seededRandom('other') })
    other.write('old', Uint8Array.of(9))
    other.cloneFrom(disk)
    scheduler.runFor(50)
    expect([other.read('a'), other.read('b'), other.read('old')]).toEqual([
      Uint8Array.of(1),
      undefined,
      undefined,
    ])
    disk.wipe()
    scheduler.runFor(50)
    expect([disk.read('a'), disk.read('b')]).toEqual([undefined, undefined])
  })
})
