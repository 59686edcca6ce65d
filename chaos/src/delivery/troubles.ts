/** What the handlers of a node do wrong, or at least slowly. */
export type Trouble = 'none' | 'works' | 'slow' | 'throws' | 'hangs' | 'blocks'

/** A message takes this long. */
const slowMs = 1_000
/** Every so many messages take so long. */
const workEvery = 20
const workMs = 200
/** Every so many messages stop the whole process for so long. */
const blockEvery = 5_000
const blockMs = 2_000

/** The handler's work, after it has written that it started. */
export function worker(trouble: Trouble): () => void | Promise<void> {
  let count = 0
  switch (trouble) {
    case 'none':
      return () => undefined
    case 'works':
      return () => (count++ % workEvery === 0 ? pause(workMs) : undefined)
    case 'slow':
      return () => pause(slowMs)
    case 'throws':
      return () => {
        throw new Error('thrown on purpose')
      }
    case 'hangs':
      return () => new Promise(() => undefined)
    case 'blocks':
      return () => {
        count += 1
        if (count % blockEvery === 1) block(blockMs)
      }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** As synchronous work does: nothing else runs in this process meanwhile. */
function block(ms: number): void {
  const untilMs = performance.now() + ms
  while (performance.now() < untilMs);
}
