// Events on their way to the server. Each waits in the browser until the server has answered for it, so that one
// which could not be sent goes out when the line is back or on the next visit. It keeps its id: one that arrives
// twice is a duplicate to the server and not a second event.

const KEY = "reel.outbox";
const URL = "/cards/events";
const LIMIT = 200; // events kept; the oldest are given up first
const BATCH = 20;
const GATHER_MS = 150;
const LONGEST_PAUSE_MS = 60_000;

let memory = []; // stands in where the browser keeps nothing
let timer = 0;
let failures = 0;
let sending = new Set();
const carried = new Set(); // by a beacon, whose answer nobody hears

function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(kept) ? kept : [];
  } catch {
    return memory;
  }
}

function write(events) {
  memory = events.slice(-LIMIT);
  try {
    localStorage.setItem(KEY, JSON.stringify(memory));
  } catch {
    // Storage is full or forbidden: the events live as long as the page.
  }
}

function schedule(pause) {
  clearTimeout(timer);
  timer = setTimeout(flush, pause);
}

/** Take an event; the same id is taken once. */
export function add(event) {
  const events = read();
  if (events.some((other) => other.event_id === event.event_id)) return;
  write([...events, event]);
  schedule(GATHER_MS);
}

/** Send what waits, in its order. */
export async function flush() {
  if (sending.size > 0) return;
  const batch = read().slice(0, BATCH);
  if (batch.length === 0) return;
  sending = new Set(batch.map((event) => event.event_id));
  let isAnswered = false;
  let pause = 0;
  try {
    const answer = await fetch(URL, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ events: batch }),
      keepalive: true,
    });
    // A refusal is an answer too: to send the same again would change nothing.
    isAnswered = answer.status < 500 && ![408, 425, 429].includes(answer.status);
    pause = 1000 * (Number(answer.headers.get("Retry-After")) || 0);
  } catch {
    isAnswered = false; // no line
  }
  if (isAnswered) {
    const done = sending;
    write(read().filter((event) => !done.has(event.event_id)));
  }
  sending = new Set();
  failures = isAnswered ? 0 : failures + 1;
  if (read().length > 0) schedule(isAnswered ? 0 : Math.max(pause, Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** failures)));
}

// The page may be gone before an answer comes: a beacon outlives it, and what it carried stays in the outbox.
function flushBeforeLeaving() {
  const batch = read()
    .filter(({ event_id: id }) => !sending.has(id) && !carried.has(id))
    .slice(0, BATCH);
  if (batch.length === 0 || !navigator.onLine) return;
  const body = new Blob([JSON.stringify({ events: batch })], { type: "application/json" });
  if (navigator.sendBeacon(URL, body)) batch.forEach((event) => carried.add(event.event_id));
}

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") flushBeforeLeaving();
});
addEventListener("pagehide", flushBeforeLeaving);
addEventListener("online", () => {
  failures = 0;
  schedule(0);
});
schedule(0); // what the last visit left behind
