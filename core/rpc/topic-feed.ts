/**
 * One table shown to its viewers: a first picture in pages, then changed rows and counters, at most once a second. Whatever
 * a viewer's picture costs is done as background work of its user.
 */
import type { Clock } from '../base/clock.ts';
import type { SubscribeOptions, TopicName } from '../contract/rpc.ts';
import type { BackgroundWork } from './background-work.ts';
import { TopicPicture, type TopicViewer } from './topic-picture.ts';
import type { RowView, TopicSource } from './topic-source.ts';

export interface TopicSubscription {
  /** Sends what waits for the viewer to read; to be called when it is no longer congested. */
  resume(): void;
  cancel(): void;
}

const intervalMs = 1000;
/** Changes that come together travel together. */
const gatherMs = 20;

export interface TopicFeedServices {
  readonly view: RowView;
  readonly clock: Clock;
  readonly work: BackgroundWork;
  /** Names this run of the server in every batch. */
  readonly epoch: number;
}

export class TopicFeed<T extends TopicName> {
  readonly #topic: T;
  readonly #source: TopicSource<T>;
  readonly #services: TopicFeedServices;
  readonly #clock: Clock;
  readonly #pictures = new Set<TopicPicture<T>>();
  readonly #dirty = new Set<string>();
  #lastFlush = Number.NEGATIVE_INFINITY;
  #unwatch: (() => void) | undefined;
  #cancelTimer: (() => void) | undefined;

  constructor(topic: T, source: TopicSource<T>, services: TopicFeedServices) {
    this.#topic = topic;
    this.#source = source;
    this.#services = services;
    this.#clock = services.clock;
  }

  /** Begins with the first picture. The source is watched from the first viewer to the last. */
  subscribe(viewer: TopicViewer, options: SubscribeOptions): TopicSubscription {
    const picture = new TopicPicture(this.#topic, this.#source, viewer, options, this.#services);
    this.#unwatch ??= this.#source.watch((keys) => this.#onChanged(keys));
    this.#pictures.add(picture);
    picture.reset();
    if (this.#counts) this.#schedule();
    return {
      resume: () => picture.resume(),
      cancel: () => {
        picture.cancel();
        this.#pictures.delete(picture);
        if (this.#pictures.size === 0) this.#rest();
      },
    };
  }

  /** Draws every picture anew: what callers may see has changed. */
  resetAll(): void {
    for (const picture of this.#pictures) picture.reset();
  }

  get #counts(): boolean {
    return this.#source.counters !== undefined;
  }

  #onChanged(keys: Iterable<string>): void {
    for (const key of keys) this.#dirty.add(key);
    if (this.#dirty.size > 0) this.#schedule();
  }

  #schedule(): void {
    if (this.#cancelTimer !== undefined && !this.#counts) return;
    const due = this.#lastFlush + intervalMs - this.#clock.monotonic();
    const soon = this.#dirty.size > 0 && due <= gatherMs;
    if (this.#cancelTimer !== undefined && !soon) return;
    this.#cancelTimer?.();
    this.#cancelTimer = this.#clock.after(soon ? gatherMs : Math.max(due, gatherMs), () => this.#flush());
  }

  #flush(): void {
    this.#cancelTimer = undefined;
    this.#lastFlush = this.#clock.monotonic();
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    for (const picture of this.#pictures) picture.update(dirty);
    if (this.#counts) this.#schedule();
  }

  #rest(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#dirty.clear();
  }
}
