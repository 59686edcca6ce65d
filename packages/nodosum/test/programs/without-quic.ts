/**
 * A node on a machine where the QUIC binding does not load: `without-quic.ts <options as JSON>`;
 * prints its warnings, and its transport's health when asked by a request.
 */
import { registerHooks } from 'node:module'

registerHooks({
  resolve: (specifier, context, next) => {
    if (specifier.startsWith('@matrixai/quic')) {
      throw new Error(`no binary of ${specifier} for this platform`)
    }
    return next(specifier, context)
  },
})

const { silentLogger } = await import('@nodosum/kernel')
const { createNode, isNodosumError } = await import('../../src/index.ts')

function print(fact: object): void {
  process.stdout.write(`${JSON.stringify(fact)}\n`)
}

const logger = {
  ...silentLogger,
  child: () => logger,
  warn: (fields: Readonly<Record<string, unknown>>, message: string) =>
    print({ warning: fields.event, message }),
}
try {
  const node = await createNode({ ...JSON.parse(process.argv[2] ?? '{}'), logger })
  node.application('work').onRequest((payload) => ({
    payload,
    transport: node.health().checks.find(({ name }) => name === 'transport'),
  }))
  print({ ready: node.id })
} catch (error) {
  print({ rejected: isNodosumError(error) ? error.code : String(error) })
}
