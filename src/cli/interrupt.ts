// Signals: the first one asks for an orderly end, the second one leaves at once. A hang-up is a signal like the others.
import { EXIT } from './exit.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

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
