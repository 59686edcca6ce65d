/** What was opened, to be closed in reverse order; a step that fails does not stop the others. */
export class Undo {
  #steps: (() => Promise<void>)[] = []

  add(step: () => Promise<void>): void {
    this.#steps.push(step)
  }

  /** Runs every step once and returns what failed. */
  async run(): Promise<unknown[]> {
    const failures: unknown[] = []
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await step()
      } catch (error) {
        failures.push(error)
      }
    }
    return failures
  }
}
