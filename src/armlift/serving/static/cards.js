// The card application: reports what the visitor sees and does, opens films, keeps opinions.

import { add, flush } from "./outbox.js";
import { opinionOf, setOpinion, showOpinions } from "./opinions.js";

const SEEN_SHARE = 0.5; // of a card
const SEEN_MS = 1000; // without a break

const texts = document.body.dataset;
const panel = document.getElementById("panel");
const live = document.getElementById("live");
const toast = document.getElementById("toast");
const device = matchMedia("(max-width: 640px)").matches ? "mobile" : "desktop";

/** Report an event of a card, or of a film that stands alone. */
function report(type, card, item, more = {}) {
  const slate = card?.closest(".slate");
  const name = slate?.dataset.slate ?? "film";
  add({
    event_id: [name, type, ...(item ? [item] : [])].join("-"),
    event_type: type,
    ts: Date.now() / 1000,
    device,
    ...(slate?.dataset.decision && { decision_id: slate.dataset.decision }),
    ...(item && { item_id: Number(item) }),
    ...(item && card && { position: Number(card.dataset.position) }),
    ...more,
  });
}

// Impressions: one for a slate, once half of one of its cards was in view for a second.

const inView = new Map(); // card -> timer, of slates whose impression is still to come
const firstInView = new WeakMap(); // slate -> time
const reported = new WeakSet(); // slates

function reportImpression(slate) {
  if (reported.has(slate)) return;
  reported.add(slate);
  const cards = [...slate.querySelectorAll(".card")];
  const seen = cards.filter((card) => inView.has(card)).map((card) => Number(card.dataset.position));
  for (const card of cards) {
    observer.unobserve(card);
    clearTimeout(inView.get(card));
    inView.delete(card);
  }
  report("impression", cards[0], null, { meta: { seen, cards: cards.length } });
}

const observer = new IntersectionObserver(
  (entries) => {
    for (const { target: card, intersectionRatio } of entries) {
      clearTimeout(inView.get(card));
      inView.delete(card);
      if (intersectionRatio < SEEN_SHARE || document.visibilityState !== "visible") continue;
      const slate = card.closest(".slate");
      if (!firstInView.has(slate)) firstInView.set(slate, performance.now());
      inView.set(card, setTimeout(() => reportImpression(slate), SEEN_MS));
    }
  },
  { threshold: SEEN_SHARE },
);

function watch(root) {
  for (const card of root.querySelectorAll(".card")) {
    if (!reported.has(card.closest(".slate"))) {
      observer.unobserve(card);
      observer.observe(card);
    }
  }
}

// A hidden page shows nothing: the second starts anew when it is back.
document.addEventListener("visibilitychange", () => {
  for (const waiting of inView.values()) clearTimeout(waiting);
  inView.clear();
  if (document.visibilityState === "visible") watch(document);
});

function dwell(slate) {
  const since = firstInView.get(slate);
  return since === undefined ? {} : { dwell_seconds: (performance.now() - since) / 1000 };
}

// Clicks and opinions

document.addEventListener("click", (event) => {
  const link = event.target.closest(".card .open");
  if (link) {
    const card = link.closest(".card");
    const slate = card.closest(".slate");
    reportImpression(slate); // what is clicked was seen
    report("click_detail", card, card.dataset.item, dwell(slate));
  }
  const button = event.target.closest("[data-opinion]");
  if (button) voice(button);
});

function voice(button) {
  const group = button.closest(".opinions");
  const { item, title } = group.dataset;
  const opinion = button.dataset.opinion;
  const isTakenBack = opinionOf(item) === opinion;
  setOpinion(item, isTakenBack ? undefined : opinion);
  showOpinions(document, item);
  if (isTakenBack) return;
  const card = document.querySelector(`.card[data-item="${item}"]`);
  if (card) reportImpression(card.closest(".slate"));
  report(opinion, card, item);
  say((opinion === "like" ? texts.liked : texts.disliked).replace("{title}", title));
}

// What htmx brings

document.addEventListener("htmx:after:swap", () => {
  showOpinions(document);
  watch(document);
});

document.addEventListener("htmx:after:request", (event) => {
  const link = event.target;
  if (!(event.detail.ctx?.response?.status < 400)) return;
  if (link.matches?.(".card .open")) whenSwapped(() => panel.showModal());
  if (link.closest?.("#more")) whenSwapped(arrive);
});

function whenSwapped(then) {
  document.addEventListener("htmx:after:swap", then, { once: true });
}

/** After "more", reading goes on where the new films begin. */
function arrive() {
  const slate = [...document.querySelectorAll(".slate")].at(-1);
  slate.querySelector("[tabindex]").focus({ preventScroll: true });
  slate.scrollIntoView({ block: "start", behavior: "auto" });
  say(texts.more.replace("{count}", slate.querySelectorAll(".card").length));
}

// A click beside the panel closes it, as Escape does.
panel?.addEventListener("click", (event) => {
  if (event.target === panel) panel.close();
});

// Words to the visitor

let toastTimer = 0;

function say(text) {
  live.textContent = text;
}

function warn(text) {
  say(text);
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (toast.hidden = true), 6000);
}

addEventListener("offline", () => warn(texts.offline));
for (const failure of ["htmx:error", "htmx:response:error"]) {
  document.addEventListener(failure, () => warn(navigator.onLine ? texts.failed : texts.offline));
}

showOpinions(document);
watch(document);
flush();
