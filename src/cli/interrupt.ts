// Ctrl-C: the first signal asks for an orderly end, the second one leaves at once.
import { EXIT } from './exit.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

export class Interrupt {
  readonly #controller = new AbortController();
  readonly #note: (text: string) => void;

  /** `note` tells the person that the first signal was heard. */
  constructor(note: (text: string) => void) {
    this.#note = note;
  }

  /** From here on the first SIGINT or SIGTERM only raises this signal; the second exits the process with 130. */
  listen(): AbortSignal {
    for (const name of SIGNALS) process.on(name, this.#onSignal);
    return this.#controller.signal;
  }

  get isRaised(): boolean {
    return this.#controller.signal.aborted;
  }

  release(): void {
    for (const name of SIGNALS) process.off(name, this.#onSignal);
  }

  readonly #onSignal = (): void => {
    if (this.isRaised) process.exit(EXIT.interrupted);
    this.#note('finishing what is under way; press Ctrl-C again to leave at once');
    this.#controller.abort();
  };
}
