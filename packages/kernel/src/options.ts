export {
  type CallOption,
  type CallOptions,
  callChoice,
  callDuration,
  callFlag,
  callSignal,
  checkCallOptions,
  checkFunction,
  checkWord,
  described,
} from './options/call-options.ts'
export { closestKey } from './options/closest-key.ts'
export {
  defineOptions,
  type OptionsOf,
  type OptionTable,
  problemsMax,
} from './options/define-options.ts'
export {
  type BytesOption,
  bytes,
  type ChoiceOption,
  choice,
  type DecimalOption,
  type DurationOption,
  decimal,
  duration,
  flag,
  type IntegerOption,
  integer,
  type OptionNotes,
  type ReloadKind,
  type TextOption,
  text,
} from './options/option-builders.ts'
export type { OptionReference } from './options/option-reference.ts'
