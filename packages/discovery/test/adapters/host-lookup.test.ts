import { describe, expect, it } from 'vitest'
import { HostLookup, pendingLookupsMax, type Resolved } from '../../src/adapters/host-lookup.ts'

const noSignal = new AbortController().signal

/** A name service that answers when told to, and tells what it was asked. */
class ManualNames {
  readonly asked: string[] = []
  readonly lookup = new HostLookup((host) => {
    this.asked.push(host)
    const { promise, resolve } = Promise.withResolvers<readonly string[]>()
    this.#answers.push(() => resolve(['10.0.0.1']))
    return promise
  })
  readonly #answers: (() => void)[] = []

  answerOldest(): void {
    this.#answers.shift()?.()
  }

  all(hosts: readonly string[], timeoutMs = 60_000): Promise<Resolved[]> {
    return this.lookup.resolveAll(hosts, timeoutMs, noSignal)
  }
}

describe('lookups', () => {
  it('run two at a time, and give their results in the order of the names', async () => {
    const names = new ManualNames()
    const hosts = ['a', 'b', 'c', 'd']
    const results = names.all(hosts)
    expect(names.asked).toEqual(['a', 'b'])
    names.answerOldest()
    await expect.poll(() => names.asked).toEqual(['a', 'b', 'c'])
    for (let count = 2; count <= 4; count++) {
      names.answerOldest()
      await expect.poll(() => names.asked.length).toBe(Math.min(count + 2, 4))
    }
    expect((await results).map(({ host }) => host)).toEqual(hosts)
  })

  it('of one name are shared by looks at the same time, and made anew afterwards', async () => {
    const names = new ManualNames()
    const both = [names.all(['a']), names.all(['a'])]
    expect(names.asked).toEqual(['a'])
    names.answerOldest()
    expect(await Promise.all(both)).toEqual(
      Array.from({ length: 2 }, () => [{ host: 'a', addresses: ['10.0.0.1'] }]),
    )
    const again = names.all(['a'])
    names.answerOldest()
    await again
    expect(names.asked).toEqual(['a', 'a'])
  })

  it('that hang are waited for by later looks, not started again', async () => {
    const names = new ManualNames()
    const late = { host: 'a', reason: 'timedOut', problem: 'no answer within 20 ms' }
    expect(await names.all(['a'], 20)).toEqual([late])
    const second = names.all(['a'])
    names.answerOldest()
    expect(await second).toEqual([{ host: 'a', addresses: ['10.0.0.1'] }])
    expect(names.asked).toEqual(['a'])
  })

  it('are refused while too many hang, and possible again when one ends', async () => {
    const names = new ManualNames()
    const looks = Array.from({ length: pendingLookupsMax }, (_, at) => names.all([`host-${at}`]))
    expect(await names.all(['one-more'])).toEqual([
      { host: 'one-more', reason: 'timedOut', problem: '64 earlier lookups still hang' },
    ])
    names.answerOldest()
    await looks[0]
    const again = names.all(['one-more'])
    expect(names.asked.at(-1)).toBe('one-more')
    for (let count = 0; count < pendingLookupsMax; count++) names.answerOldest()
    expect(await again).toEqual([{ host: 'one-more', addresses: ['10.0.0.1'] }])
    await Promise.all(looks)
  })

  it('stop to be started when the signal aborts', async () => {
    const names = new ManualNames()
    const controller = new AbortController()
    const results = names.lookup.resolveAll(['a', 'b', 'c'], 60_000, controller.signal)
    controller.abort()
    expect((await results).every((result) => 'problem' in result)).toBe(true)
    expect(names.asked).toEqual(['a', 'b'])
  })
})
