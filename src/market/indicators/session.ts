// When trading sessions begin: at a time of day in a named time zone, through every change of its clocks. The rules of
// the zone are those of the machine's ICU, so a result that depends on them depends on the version of Node, which the
// manifest of a run names. Asked once per session, never per event.
import { UsageError } from '../../core/errors.ts';

const DAY_US = 86_400e6;

/** A session: from its start up to, not at, the start of the next. */
export type SessionSpan = { readonly startUs: number; readonly endUs: number };

export class ZonedSessions {
  readonly #format: Intl.DateTimeFormat;
  readonly #openUs: number;

  /** `openUs` is the local time of day at which sessions begin. Errors: UsageError when there is no such zone. */
  constructor(timeZone: string, openUs: number) {
    if (!(openUs >= 0 && openUs < DAY_US)) {
      throw new UsageError(`a session begins at a time of day, not ${openUs} µs after midnight`);
    }
    try {
      this.#format = new Intl.DateTimeFormat('en-US', {
        ...{ timeZone, calendar: 'gregory', numberingSystem: 'latn', hourCycle: 'h23' },
        ...{ year: 'numeric', month: '2-digit', day: '2-digit' },
        ...{ hour: '2-digit', minute: '2-digit', second: '2-digit' },
      });
    } catch (cause) {
      throw new UsageError(`time zone ${timeZone} is not known (allowed: IANA names, as America/New_York)`, {
        cause,
      });
    }
    this.#openUs = openUs;
  }

  at(timeUs: number): SessionSpan {
    const localUs = timeUs + this.#offsetUs(timeUs);
    const day = Math.floor((localUs - this.#openUs) / DAY_US);
    return { startUs: this.#startOf(day), endUs: this.#startOf(day + 1) };
  }

  /** When the session of a local day begins; a time of day that a change of clocks leaves out is moved by the change. */
  #startOf(day: number): number {
    const localUs = day * DAY_US + this.#openUs;
    const nearUs = localUs - this.#offsetUs(localUs);
    return localUs - this.#offsetUs(nearUs);
  }

  /** Local time less UTC, µs. */
  #offsetUs(timeUs: number): number {
    const ms = Math.floor(timeUs / 1000);
    const parts = new Map(this.#format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
    const [year, month, day] = [parts.get('year')!, parts.get('month')!, parts.get('day')!];
    const localMs = Date.UTC(
      year,
      month - 1,
      day,
      parts.get('hour')!,
      parts.get('minute')!,
      parts.get('second')!,
    );
    return (localMs - Math.floor(ms / 1000) * 1000) * 1000;
  }
}
