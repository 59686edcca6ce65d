import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Beliefs } from '../../src/simulate/beliefs.ts'

const hosts = ['a', 'b', 'c', 'd']
const states = ['alive', 'suspect', 'failed', 'left', 'draining'] as const

describe('beliefs', () => {
  it('are all right once everybody knows everybody, and wrong again when somebody is gone', () => {
    const beliefs = new Beliefs(4)
    beliefs.started('a', 1, 'one')
    beliefs.started('b', 1, 'one')
    expect(beliefs.wrong).toBe(2)
    beliefs.believes('a', 'b', { state: 'alive', boot: 1, incarnation: 1 })
    beliefs.believes('b', 'a', { state: 'alive', boot: 1, incarnation: 1 })
    expect(beliefs.wrong).toBe(0)
    beliefs.started('b', 2, 'one')
    // The old boot is not the one that runs, and the new one knows nobody.
    expect(beliefs.differences(9)).toEqual([
      'a believes b (boot 1) to be alive; it runs boot 2',
      'b believes a (boot 0) to be unknown; it runs boot 1',
    ])
    beliefs.ended('b')
    expect(beliefs.differences(9)).toEqual(['a believes b (boot 1) to be alive; it does not run'])
    beliefs.believes('a', 'b', { state: 'failed', boot: 1, incarnation: 1 })
    expect(beliefs.wrong).toBe(0)
  })

  it('of another cluster are wrong, whatever they are', () => {
    const beliefs = new Beliefs(4)
    beliefs.started('a', 1, 'one')
    beliefs.started('b', 1, 'two')
    expect(beliefs.wrong).toBe(0)
    beliefs.believes('a', 'b', { state: 'failed', boot: 1, incarnation: 1 })
    expect(beliefs.wrong).toBe(1)
  })

  it('count, step by step, what a look at everything counts', () => {
    const host = fc.constantFrom(...hosts)
    const boot = fc.integer({ min: 1, max: 3 })
    const event = fc.oneof(
      fc.record({ do: fc.constant('start' as const), host, boot }),
      fc.record({ do: fc.constant('end' as const), host }),
      fc.record({
        do: fc.constant('believe' as const),
        host,
        other: host,
        state: fc.constantFrom(...states),
        boot,
      }),
    )
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const beliefs = new Beliefs(hosts.length)
        const running = new Map(hosts.map((name) => [name, 1]))
        const known = new Map<string, { state: string; boot: number }>()
        for (const name of hosts) beliefs.started(name, 1, 'one')
        for (const one of events) {
          if (one.do === 'start') {
            running.set(one.host, one.boot)
            for (const name of hosts) known.delete(`${one.host} ${name}`)
            beliefs.started(one.host, one.boot, 'one')
          } else if (one.do === 'end') {
            running.set(one.host, 0)
            beliefs.ended(one.host)
          } else {
            known.set(`${one.host} ${one.other}`, { state: one.state, boot: one.boot })
            beliefs.believes(one.host, one.other, { ...one, incarnation: 1 })
          }
        }
        let wrong = 0
        for (const observer of hosts.filter((name) => running.get(name) !== 0)) {
          for (const subject of hosts.filter((name) => name !== observer)) {
            const belief = known.get(`${observer} ${subject}`) ?? { state: 'unknown', boot: 0 }
            const isPresent = belief.state === 'alive' || belief.state === 'draining'
            const isRight =
              running.get(subject) === 0
                ? !isPresent && belief.state !== 'suspect'
                : isPresent && belief.boot === running.get(subject)
            if (!isRight) wrong += 1
          }
        }
        expect(beliefs.wrong).toBe(wrong)
        expect(beliefs.differences(100)).toHaveLength(wrong)
      }),
    )
  })
})
