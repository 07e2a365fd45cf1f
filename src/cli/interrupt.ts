// Ctrl-C: the first signal asks for an orderly end, the second one leaves at once.
import { EXIT } from './command.ts';

/** An abort signal raised by the first SIGINT or SIGTERM; the second exits the process with 130. */
export function listenForInterrupt(note: (text: string) => void): {
  readonly signal: AbortSignal;
  readonly release: () => void;
} {
  const controller = new AbortController();
  const listener = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    note('finishing what is under way; press Ctrl-C again to leave at once');
    controller.abort();
  };
  process.on('SIGINT', listener);
  process.on('SIGTERM', listener);
  return {
    signal: controller.signal,
    release: () => {
      process.off('SIGINT', listener);
      process.off('SIGTERM', listener);
    },
  };
}
