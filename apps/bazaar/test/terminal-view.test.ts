import { describe, expect, it } from 'vitest'
import { render, repaint, type ViewState } from '../src/terminal-view.ts'

const state: ViewState = {
  elapsedMs: 12_345,
  members: ['alive', 'suspect', 'failed', 'left', 'unknown'].map((life, index) => ({
    name: `bazaar-${index + 1}`,
    state: life,
  })),
  placed: 101,
  confirmed: 90,
  failed: 4,
  inFlight: 7,
  ordersPerSecond: 118,
  events: Array.from({ length: 30 }, (_, index) => ({
    atMs: index * 1_000,
    text: `event ${index}`,
  })),
}
const plain = { width: 80, height: 40, colour: false }

describe('the frame', () => {
  it('shows members, orders and the last events', () => {
    const lines = render(state, plain)
    expect(lines[0]).toBe('Bazaar: 5 processes, no broker   12.3 s')
    expect(lines[2]).toBe(
      '● bazaar-1 alive   ○ bazaar-2 suspect   ○ bazaar-3 failed   ○ bazaar-4 left',
    )
    expect(lines[3]).toBe('○ bazaar-5 unknown')
    expect(lines).toContain('placed 101   confirmed 90   failed 4   in flight 7   118/s')
    expect(lines.filter((line) => line.includes('event '))).toHaveLength(10)
    expect(lines).toContain('  29.0 s  event 29')
    expect(lines.at(-1)).toBe('Ctrl-C: no more orders, then the account')
  })

  it('fits into any window', () => {
    for (let width = 1; width <= 120; width += 7) {
      for (let height = 1; height <= 40; height += 3) {
        const lines = render(state, { width, height, colour: false })
        expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width)
        // One line less than the window, which the cursor takes.
        expect(lines.length).toBeLessThanOrEqual(Math.max(1, height - 1))
      }
    }
  })

  it('says the same in colour', () => {
    const coloured = render(state, { ...plain, colour: true }).join('\n')
    expect(coloured).toContain('\u001b[32m● bazaar-1 alive\u001b[0m')
    expect(coloured).toContain('\u001b[31m○ bazaar-3 failed\u001b[0m')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape codes are what is removed
    expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe(render(state, plain).join('\n'))
  })

  it('is drawn before anything has started', () => {
    const empty: ViewState = { ...state, members: [], events: [], placed: 0 }
    expect(render(empty, plain)[0]).toBe('Bazaar: 0 processes, no broker   12.3 s')
  })
})

describe('repainting', () => {
  it('draws where the cursor is at first', () => {
    expect(repaint(['one', 'two'], 0)).toBe('\rone\u001b[K\ntwo\u001b[K\n\u001b[J')
  })

  it('goes up over the frame before, and clears what is left of each line and below', () => {
    expect(repaint(['one'], 3)).toBe('\u001b[3A\rone\u001b[K\n\u001b[J')
  })
})
