import { invariant } from '@nodosum/kernel'

/** Something that must never be, and was. */
export interface Violation {
  /** The name of the invariant. */
  readonly invariant: string
  readonly atMs: number
  readonly detail: string
}

/** Looks at one subject after each of its steps; null when all is well. Must be cheap. */
export type StepCheck<Subject> = (subject: Subject, nowMs: number) => string | null

/** Looks at everything, now and then; gives what is wrong. */
export type CheckpointCheck = (nowMs: number) => readonly string[]

/** Violations that are kept in detail; further ones are counted. */
const violationsKept = 100

/** What must hold in a run: cheap checks after every step, thorough ones at checkpoints. */
export class InvariantChecks<Subject> {
  readonly #nowMs: () => number
  readonly #steps = new Map<string, StepCheck<Subject>>()
  readonly #checkpoints = new Map<string, CheckpointCheck>()
  readonly #violations: Violation[] = []
  /** All violations, also those past the hundred that are kept. */
  violationCount = 0
  /** How often a step was checked: an invariant that was never looked at holds by itself. */
  stepsChecked = 0
  checkpointsChecked = 0

  /** @param nowMs the time that violations are given */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  get violations(): readonly Violation[] {
    return this.#violations
  }

  afterEachStep(name: string, check: StepCheck<Subject>): void {
    this.#mayAdd(name)
    this.#steps.set(name, check)
  }

  atCheckpoints(name: string, check: CheckpointCheck): void {
    this.#mayAdd(name)
    this.#checkpoints.set(name, check)
  }

  step(subject: Subject): void {
    this.stepsChecked += 1
    const nowMs = this.#nowMs()
    for (const [name, check] of this.#steps) {
      const detail = check(subject, nowMs)
      if (detail !== null) this.report(name, detail)
    }
  }

  checkpoint(): void {
    this.checkpointsChecked += 1
    const nowMs = this.#nowMs()
    for (const [name, check] of this.#checkpoints) {
      for (const detail of check(nowMs)) this.report(name, detail)
    }
  }

  /** Records a violation that was found in another way. */
  report(name: string, detail: string): void {
    this.violationCount += 1
    if (this.#violations.length >= violationsKept) return
    this.#violations.push({ invariant: name, atMs: this.#nowMs(), detail })
  }

  #mayAdd(name: string): void {
    const isNew = !this.#steps.has(name) && !this.#checkpoints.has(name)
    invariant(isNew, 'each invariant has its own name')
  }
}
