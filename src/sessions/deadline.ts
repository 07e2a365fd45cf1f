// How long an ending session may still take for what can be made again later.

/** What can be made again later is given up this long after the signal; what cannot is written whatever it takes. */
const GRACE_MS = 850;

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
