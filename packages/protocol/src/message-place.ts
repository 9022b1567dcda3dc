/** Where a message stands in its log. Messages are in the order of `seq`, then of `index`. */
export interface MessagePlace {
  /** The `task.started` of its task: a fold that begins here knows the message. */
  readonly taskSeq: number
  /** The event that began it. */
  readonly seq: number
  /** Its place among the messages that this event began. */
  readonly index: number
}

/** What a `message_id` says; null where it is none. */
export function toMessagePlace(messageId: string): MessagePlace | null {
  const [, taskSeq, seq, index] = /^([1-9]\d{0,14})-([1-9]\d{0,14})-(0|[1-9]\d{0,5})$/.exec(messageId) ?? []
  return index === undefined ? null : { taskSeq: Number(taskSeq), seq: Number(seq), index: Number(index) }
}

export function toMessageId({ taskSeq, seq, index }: MessagePlace): string {
  return `${taskSeq}-${seq}-${index}`
}
