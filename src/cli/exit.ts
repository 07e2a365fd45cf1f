// How a command can end, as every command and script reads it.

/** 130: interrupted after a clean flush. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  data: 3,
  venue: 4,
  internal: 70,
  interrupted: 130,
} as const;
