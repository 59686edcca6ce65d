/**
 * What a log line says beside its message. `event` names the event (`member.suspect`); others are
 * `node_id`, `cluster`, `peer_id`, `stream`, `message_id`, `correlation_id`, `error_code`, `err`.
 * Payloads and secrets never go in.
 */
export type LogFields = Record<string, unknown>

/** What Nodosum needs of a logger; a pino instance is one. */
export interface Logger {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
  /** A logger that adds the bindings to each of its lines. */
  child(bindings: LogFields): Logger
}

const nothing = (): void => undefined

/** Writes nothing. */
export const silentLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => silentLogger,
}
