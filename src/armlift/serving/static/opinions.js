// Which films the visitor likes or not: kept in the browser and shown by every button of the film.

const KEY = "reel.opinions";
const LIMIT = 500;

function read() {
  try {
    return new Map(JSON.parse(localStorage.getItem(KEY) ?? "[]"));
  } catch {
    return new Map();
  }
}

/** The visitor's opinion of a film: "like", "dislike" or undefined. */
export function opinionOf(item) {
  return read().get(item);
}

/** Keep an opinion; undefined takes it back. */
export function setOpinion(item, opinion) {
  const opinions = read();
  opinions.delete(item);
  if (opinion) opinions.set(item, opinion);
  try {
    localStorage.setItem(KEY, JSON.stringify([...opinions].slice(-LIMIT)));
  } catch {
    // Nothing can be kept here: the buttons show it as long as the page lives.
  }
}

/** Let the buttons below a node, and its cards, show what is kept. */
export function showOpinions(root, item = null) {
  for (const group of root.querySelectorAll(item ? `.opinions[data-item="${item}"]` : ".opinions")) {
    const opinion = opinionOf(group.dataset.item);
    showOpinion(group, opinion);
  }
}

/** Let one group of buttons show an opinion. */
export function showOpinion(group, opinion) {
  for (const button of group.querySelectorAll("[data-opinion]")) {
    button.setAttribute("aria-pressed", String(button.dataset.opinion === opinion));
  }
  group.closest(".card")?.classList.toggle("dismissed", opinion === "dislike");
}
