import type { Replay as Progress, UpdateReplay } from '@codesdkd/protocol'
import type { Clock } from './ports.ts'
import type { RecordedEvent, Recording } from './recording.ts'
import type { Feed } from './sessions.ts'

/** Events of one commit, where no time is kept. */
const SLICE = 500
/** What a timer can wait. Milliseconds. */
const LONGEST = 2_147_483_647

/** How a replay goes: by itself, or event by event as somebody asks; so many times as fast as it happened (`Infinity`: no time is kept). */
export interface Pace {
  readonly playing: boolean
  readonly speed: number
}

export interface ReplayOptions {
  readonly recording: Pick<Recording, 'record' | 'events'>
  /** Of the session, which has the first of the events already. */
  readonly feed: Feed
  readonly pace: Pace
  readonly clock: Pick<Clock, 'monotonic'>
  /** Milliseconds; rejects when aborted. */
  readonly wait: (time: number, signal: AbortSignal) => Promise<unknown>
  /** Told why it does not go on by itself. */
  readonly report: (error: unknown) => void
}

/** Lets the events of a recording happen again, in their order, each once. Disposing it lets no more happen. */
export class Replay implements AsyncDisposable {
  readonly #options: ReplayOptions
  readonly #events: readonly RecordedEvent[]
  /** How many are in the log, or on their way there. */
  #done = 1
  #pace: Pace
  #playing = new AbortController()
  #played: Promise<void> = Promise.resolve()

  constructor(options: ReplayOptions) {
    this.#options = options
    this.#events = options.recording.events
    this.#pace = options.pace
  }

  get sessionId(): string {
    return this.#options.recording.record.sessionId
  }

  get progress(): Progress {
    const { playing, speed } = this.#pace
    const [first, last, now] = [this.#events[0], this.#events.at(-1), this.#events[this.#done - 1]].map((one) => one?.event.seq ?? 0)
    return {
      session_id: this.sessionId,
      state: this.#done === this.#events.length ? 'ended' : playing ? 'playing' : 'stepping',
      speed: Number.isFinite(speed) ? speed : null,
      first_seq: first ?? 0,
      seq: now ?? 0,
      last_seq: last ?? 0,
    }
  }

  /** Begins to play, where it does by itself. Without time to keep, everything is in the log when this resolves. */
  async start(): Promise<void> {
    const { playing, speed } = this.#pace
    if (!playing) return
    this.#playing = new AbortController()
    const { signal } = this.#playing
    this.#played = this.#play(speed, signal).catch((error: unknown) => {
      if (!signal.aborted) this.#options.report(error)
    })
    if (!Number.isFinite(speed)) await this.#played
  }

  /** Goes on at another pace, from the event on that is next. */
  async change({ state, speed }: UpdateReplay): Promise<Progress> {
    this.#playing.abort()
    this.#pace = {
      playing: state === undefined ? this.#pace.playing : state === 'playing',
      speed: speed === undefined ? this.#pace.speed : (speed ?? Infinity),
    }
    await this.start()
    return this.progress
  }

  /** The next events, as many as there are; resolves when they are in the log. Where it plays, time goes on from there. */
  async step(count = 1): Promise<Progress> {
    this.#playing.abort()
    await Promise.all([this.#forward(count), this.start()])
    return this.progress
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#playing.abort()
    await this.#played
    this.#options.feed[Symbol.dispose]()
  }

  async #play(speed: number, signal: AbortSignal): Promise<void> {
    const { clock, wait } = this.#options
    let due = clock.monotonic()
    while (this.#done < this.#events.length && !signal.aborted) {
      due += this.#gap(this.#done) / speed
      const time = due - clock.monotonic()
      if (time > 0) await wait(Math.min(time, LONGEST), signal)
      // It may have been held in the moment in which the time was over.
      if (signal.aborted) return
      await this.#forward(Number.isFinite(speed) ? 1 : SLICE)
    }
  }

  /** Milliseconds between an event and the one before it; the clock may have gone back. */
  #gap(index: number): number {
    const [before = 0, time = 0] = [index - 1, index].map((at) => Date.parse(this.#events[at]?.event.time ?? ''))
    return Math.max(0, time - before)
  }

  #forward(count: number): Promise<void> {
    const next = this.#events.slice(this.#done, this.#done + count)
    this.#done += next.length
    return this.#options.feed.append(next)
  }
}
