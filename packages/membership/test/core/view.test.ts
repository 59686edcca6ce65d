import { describe, expect, it } from 'vitest'
import { Timers } from '../../src/core/timers.ts'
import { ViewPublisher } from '../../src/core/view.ts'

function publisher(others: number) {
  const timers = new Timers()
  const published: number[] = []
  const view = new ViewPublisher({
    timers,
    options: { viewQuietMs: 3_000, viewDelayMaxMs: 10_000 },
    others: () => others,
    publish: (nowMs) => published.push(nowMs),
  })
  return { timers, view, published }
}

describe('a changed view', () => {
  it.each([
    { others: 20, agreements: 3 },
    { others: 2, agreements: 2 },
    { others: 1, agreements: 1 },
  ])('is published once $agreements of $others have the same', ({ others, agreements }) => {
    const { timers, view, published } = publisher(others)
    view.changed(0)
    for (let count = 1; count < agreements; count += 1) {
      // Each counts once.
      view.agreedWith(100, `n${count}`)
      view.agreedWith(100, `n${count}`)
    }
    expect(published).toEqual([])
    view.agreedWith(200, 'last')
    expect(published).toEqual([200])
    view.agreedWith(300, 'another')
    timers.run(60_000)
    expect(published).toEqual([200])
  })

  it('forgets who agreed when it changes again', () => {
    const { view, published } = publisher(20)
    view.changed(0)
    for (const id of ['a', 'b']) view.agreedWith(100, id)
    view.changed(150)
    for (const id of ['c', 'd']) view.agreedWith(200, id)
    expect(published).toEqual([])
    view.agreedWith(250, 'a')
    expect(published).toEqual([250])
  })

  it('is published when it did not change for 3 s, whoever agrees', () => {
    const { timers, view, published } = publisher(20)
    view.changed(0)
    timers.run(2_000)
    view.changed(2_000)
    timers.run(3_000)
    timers.run(4_999)
    expect(published).toEqual([])
    timers.run(5_000)
    expect(published).toEqual([5_000])
  })

  it('is published after 10 s although it keeps changing', () => {
    const { timers, view, published } = publisher(20)
    for (let nowMs = 0; nowMs <= 25_000; nowMs += 500) {
      view.changed(nowMs)
      timers.run(nowMs)
    }
    expect(published).toEqual([10_000, 20_500])
  })
})
