import { NodosumError } from '@nodosum/kernel'

/** The oldest Node.js that is supported, as in `engines` of the package. */
const floor = { major: 22, minor: 18 } as const

/**
 * Older versions fail somewhere inside, with errors about something else.
 *
 * @param version without the `v`, as `process.versions.node` has it
 * @throws `CONFIG_INVALID` when it is too old
 */
export function requireNodeVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > floor.major || (major === floor.major && minor >= floor.minor)) return
  throw new NodosumError(
    'ERR_NODOSUM_CONFIG_INVALID',
    `Nodosum needs Node ${floor.major}.${floor.minor} or newer, this is v${version}`,
    { details: { version } },
  )
}
