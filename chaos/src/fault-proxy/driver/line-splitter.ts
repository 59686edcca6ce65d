/** Longest control line, in characters. */
export const lineCharactersMax = 65_536

/** Cuts text into lines; a line that is too long is reported once, and skipped to its end. */
export class LineSplitter {
  readonly #onLine: (line: string) => void
  readonly #onTooLong: () => void
  #rest = ''
  #isSkipping = false

  constructor(onLine: (line: string) => void, onTooLong: () => void) {
    this.#onLine = onLine
    this.#onTooLong = onTooLong
  }

  push(text: string): void {
    const [first = '', ...others] = text.split('\n')
    this.#extend(first)
    for (const part of others) {
      this.#finish()
      this.#extend(part)
    }
  }

  #extend(part: string): void {
    if (this.#isSkipping) return
    if (this.#rest.length + part.length <= lineCharactersMax) {
      this.#rest += part
      return
    }
    this.#isSkipping = true
    this.#rest = ''
    this.#onTooLong()
  }

  #finish(): void {
    const line = this.#rest
    const isWhole = !this.#isSkipping
    this.#rest = ''
    this.#isSkipping = false
    if (isWhole && line.trim() !== '') this.#onLine(line)
  }
}
