// Signals: the first one asks for an orderly end, the second one leaves at once. A hang-up is a signal like the others.
import { EXIT } from './exit.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What can be made again later is given up this long after the signal; what cannot is written whatever it takes. */
const GRACE_MS = 850;

export class Interrupt {
  readonly #controller = new AbortController();
  readonly #note: (text: string) => void;
  #lastWords: () => string = () => '';

  /** `note` tells the person that the first signal was heard. */
  constructor(note: (text: string) => void) {
    this.#note = note;
  }

  /** From here on the first signal only raises this one; the second exits the process with 130. */
  listen(): AbortSignal {
    for (const name of SIGNALS) process.on(name, this.#onSignal);
    return this.#controller.signal;
  }

  /** What the second signal loses, said before the process ends; empty when it loses nothing. */
  atLeaving(lastWords: () => string): void {
    this.#lastWords = lastWords;
  }

  get isRaised(): boolean {
    return this.#controller.signal.aborted;
  }

  release(): void {
    for (const name of SIGNALS) process.off(name, this.#onSignal);
  }

  readonly #onSignal = (): void => {
    if (this.isRaised) this.#leave();
    this.#controller.abort();
    this.#note('finishing what is under way; press Ctrl-C again to leave at once');
  };

  #leave(): never {
    const words = this.#lastWords();
    if (words !== '') this.#note(words);
    process.exit(EXIT.interrupted);
  }
}

/** Raised a moment after the signal: then whatever can be made again later is left undone. */
export function deadlineOf(signal: AbortSignal): AbortSignal {
  const controller = new AbortController();
  const arm = (): void => {
    setTimeout(() => controller.abort(), GRACE_MS).unref();
  };
  if (signal.aborted) arm();
  else signal.addEventListener('abort', arm, { once: true });
  return controller.signal;
}
