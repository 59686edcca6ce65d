/** The part of an AbortSignal that code without a runtime's types needs. */
export interface AbortSignalShape {
  readonly aborted: boolean
  readonly reason: unknown
  throwIfAborted(): void
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void
  removeEventListener(type: 'abort', listener: () => void): void
}

/**
 * The AbortSignal of the runtime where its types are loaded, else {@link AbortSignalShape}. So
 * pure code compiles without them, and a signal can be handed to any function that takes one.
 */
export type AbortSignal = typeof globalThis extends {
  AbortSignal: { prototype: infer Signal }
}
  ? Signal extends AbortSignalShape
    ? Signal
    : AbortSignalShape
  : AbortSignalShape

/** Owns a signal. */
export interface AbortController {
  readonly signal: AbortSignal
  abort(reason?: unknown): void
}

/** A controller of the runtime. */
export function newAbortController(): AbortController {
  const runtime = globalThis as unknown as { readonly AbortController: new () => AbortController }
  return new runtime.AbortController()
}
