// Follows the event stream. No DOM. The browser sends the id of the last event when it connects again; where it has given
// up (an answer that is no stream), this opens a new connection from the same id.

/** @typedef {import("./state.mjs").State} State */

/** Connection stale after so many ms without an event. */
export const STALE_MS = 15000;
const NAMES = ["hello", "reset", "bar", "feature", "prediction", "outcome", "run", "alias", "health"];

/**
 * @param {State} state
 * @param {(name: string, data: any) => void} take
 */
export function follow(state, take) {
  const c = state.connection;
  c.id = state.meta?.cursor ?? "";
  let timer = 0;

  const open = () => {
    const source = new EventSource(`api/v1/stream?after=${encodeURIComponent(c.id)}`);
    for (const name of NAMES) {
      source.addEventListener(name, (event) => {
        const message = /** @type {MessageEvent<string>} */ (event);
        if (message.lastEventId) c.id = message.lastEventId;
        c.last = Date.now();
        c.tries = 0;
        setState("live");
        take(name, JSON.parse(message.data));
      });
    }
    source.onerror = () => {
      c.tries += 1;
      setState(navigator.onLine === false ? "off" : "wait");
      if (source.readyState === EventSource.CLOSED) {
        clearTimeout(timer);
        timer = window.setTimeout(open, Math.min(1000 * 2 ** Math.min(c.tries, 4), 10000));
      }
    };
  };

  /** @param {string} name */
  const setState = (name) => {
    if (c.state === name && name === "live") return;
    if (c.state !== name) c.since = Date.now();
    c.state = name;
    state.changed("connection");
  };

  setInterval(() => {
    const silent = Date.now() - (c.last || c.since);
    if (silent <= STALE_MS) return;
    // A line that is known to be down for so long is offline; one that is open and silent is stale.
    setState(c.state === "live" || c.state === "stale" ? "stale" : "off");
  }, 1000);
  open();
}
