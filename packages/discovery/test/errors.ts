import { isNodosumError, type NodosumError } from '@nodosum/kernel'

/** The error that the call throws or rejects with; fails when there is none or it has no code. */
export async function errorOf(run: () => unknown): Promise<NodosumError> {
  let result: unknown
  try {
    result = await run()
  } catch (error) {
    if (isNodosumError(error)) return error
    throw new Error('not a coded error', { cause: error })
  }
  throw new Error(`no error, but ${JSON.stringify(result)}`)
}
