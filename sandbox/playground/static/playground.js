// The playground's script: it sends what is clicked, and draws what the server says has changed.
"use strict";

const TOKEN = document.querySelector("meta[name=token]").content;
const $ = (id) => document.getElementById(id);
let address = "";
let asTest = "";

// -- drawing: a part of the page becomes what the server sent, and keeps focus, scroll and fields

function draw(element, html) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  const feed = element.querySelector("[data-stick]");
  const sticks = !feed || feed.scrollHeight - feed.scrollTop - feed.clientHeight < 60;
  sync(element, fresh.content);
  const now = element.querySelector("[data-stick]");
  if (now && sticks) now.scrollTop = now.scrollHeight;
  const doing = element.querySelector("[data-follow] .doing, [data-follow] .failed");
  if (doing) doing.parentElement.scrollTop = doing.offsetTop - doing.parentElement.offsetTop - 66;
}

const keyOf = (node) => (node.nodeType === 1 && node.dataset.key) || "";
const same = (a, b) => a.nodeName === b.nodeName && keyOf(a) === keyOf(b);

function sync(old, fresh) {
  const known = new Map([...old.children].filter(keyOf).map((each) => [keyOf(each), each]));
  let at = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    const found = keyOf(next) ? known.get(keyOf(next)) : at;
    if (found && same(found, next)) {
      if (found === at) at = at.nextSibling;
      else old.insertBefore(found, at);
      patch(found, next);
    } else {
      old.insertBefore(next, at);
    }
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

function patch(old, next) {
  if (old.nodeType !== 1) {
    if (old.nodeValue !== next.nodeValue) old.nodeValue = next.nodeValue;
    return;
  }
  if (old.isEqualNode(next)) return;
  const flashes = old.dataset.flash !== undefined && old.dataset.flash !== next.dataset.flash;
  for (const { name } of [...old.attributes]) {
    if (!next.hasAttribute(name) && name !== "open" && name !== "class") old.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (name !== "value" || old !== document.activeElement) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
  }
  if (!next.hasAttribute("class")) old.removeAttribute("class");
  if (!next.dataset.keep) sync(old, next);
  if (flashes) flash(old);
}

function flash(element) {
  element.classList.remove("flash");
  void element.offsetWidth; // the animation starts again
  element.classList.add("flash");
}

const parts = new EventSource("/events");
parts.onopen = () => { $("lost").hidden = true; };
parts.onerror = () => { $("lost").hidden = false; };
parts.onmessage = (event) => {
  for (const [name, value] of Object.entries(JSON.parse(event.data))) {
    if (name === "boot") {
      if (value !== TOKEN) location.reload();
    } else if (name === "address") {
      address = value;
      history.replaceState(null, "", value);
    } else if (name === "test") {
      asTest = value;
    } else if (name === "modal") {
      showModal(value);
    } else {
      draw($(name), value);
    }
  }
};

// -- telling the server

let queue = Promise.resolve(); // what is clicked first is done first

async function act(what) {
  const answer = await (queue = queue.then(() => fetch("/act", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Playground-Token": TOKEN },
    body: JSON.stringify(what),
  }).catch(() => null)));
  const said = answer && !answer.ok ? await answer.text() : "";
  if (said) toast(said);
  return Boolean(answer && answer.ok);
}

let fading = 0;
function toast(words) {
  $("toast").textContent = words;
  $("toast").classList.add("shown");
  clearTimeout(fading);
  fading = setTimeout(() => $("toast").classList.remove("shown"), 6000);
}

async function copy(text, what) {
  await navigator.clipboard.writeText(text);
  toast(`Copied: ${what}`);
}

function ask(question) {
  const dialog = $("confirm");
  dialog.querySelector("h2").textContent = question.title;
  dialog.querySelector("p").textContent = question.text;
  dialog.querySelector(".deny").textContent = question.deny || "Cancel";
  dialog.querySelector(".go").textContent = question.confirm || "Yes";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

const ACTS = {
  focus: (data) => act({ act: "focus", sku: data.sku }),
  who: (data) => act({ act: "who", who: data.who }),
  play: (data) => act({ act: "play", story: data.story }),
  home: (data) => act({ act: "home", on: Boolean(data.on) }),
  speed: (data) => act({ act: "speed", on: Boolean(data.on) }),
  steps: () => act({ act: "steps" }),
  again: () => act({ act: "again" }),
  pause: () => act({ act: "pause" }),
  resume: () => act({ act: "resume" }),
  step: () => act({ act: "step" }),
  last: () => act({ act: "last" }),
  restart: () => act({ act: "restart" }),
  link: () => copy(location.origin + address, "the link to these steps"),
  test: () => copy(asTest, "a test of these steps"),
  do: (data) => {
    const units = data.units ? $(data.units).value : "";
    return act({ act: "do", step: data.step.replace("{n}", units) });
  },
};

for (const feed of document.querySelectorAll("[data-stick]")) feed.scrollTop = feed.scrollHeight;

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const data = button.dataset;
  if (data.copy) {
    copy(button.parentElement.querySelector("pre").textContent, "the request, as curl");
  } else if (data.submit !== undefined) {
    act({ act: "submit", view: viewOf(button), values: valuesOf($("modal")) });
  } else if (data.close !== undefined) {
    act({ act: "close", view: viewOf(button) });
  } else if (data.action) {
    if (!data.confirm || (await ask(JSON.parse(data.confirm)))) press(button, "click", data.value);
  } else if (ACTS[data.act]) {
    ACTS[data.act](data);
  }
});

// A request over the wire is long: it is fetched when somebody opens its line.
document.addEventListener("toggle", async (event) => {
  const line = event.target;
  if (!line.open || !line.dataset.wire) return;
  const answer = await fetch(`/wire?key=${encodeURIComponent(line.dataset.key)}`);
  line.querySelector("pre").textContent = await answer.text();
}, true);

// -- Slack: messages, menus and forms

const viewOf = (element) => (element.closest("[data-view]") || { dataset: {} }).dataset.view;

function press(element, kind, value) {
  const post = element.closest("[data-ts]");
  const view = viewOf(element);
  const values = view && $("modal").contains(element) ? valuesOf($("modal")) : {};
  act({
    act: kind, view, value, values, action: element.dataset.action,
    ts: post && post.dataset.ts, channel: post && post.dataset.channel,
  });
}

document.addEventListener("change", (event) => {
  const field = event.target.closest("[data-action][data-sends]");
  if (field && field.tagName !== "BUTTON") press(field, "choose", valueOf(field));
});

function valueOf(field) {
  const kind = field.dataset.kind;
  if (kind === "multi_static_select") return [...field.selectedOptions].map((each) => each.value);
  if (kind === "multi_users_select") return field.value.split(/[\s,]+/).filter(Boolean);
  if (kind === "checkboxes") return [...field.querySelectorAll(":checked")].map((each) => each.value);
  if (kind === "radio_buttons") return (field.querySelector(":checked") || { value: null }).value;
  return field.value === "" ? null : field.value;
}

function valuesOf(form) {
  const values = {};
  for (const field of form.querySelectorAll("[data-action][data-block]")) {
    if (field.tagName === "BUTTON") continue;
    (values[field.dataset.block] ||= {})[field.dataset.action] = valueOf(field);
  }
  return values;
}

function showModal(html) {
  const dialog = $("modal");
  draw(dialog, html);
  if (html && !dialog.open) dialog.showModal();
  if (!html && dialog.open) dialog.close();
}

$("modal").addEventListener("cancel", (event) => {
  event.preventDefault();
  const view = $("modal").querySelector("[data-view]");
  if (view) act({ act: "close", view: view.dataset.view });
});

document.addEventListener("submit", async (event) => {
  if (!event.target.matches(".say")) return;
  event.preventDefault();
  const field = event.target.elements.line;
  if (field.value.trim() && (await act({ act: "type", line: field.value.trim() }))) field.value = "";
});

// -- the keyboard

const KEYS = { n: () => ACTS.step(), f: () => $("stories").querySelector("[data-act=speed]")?.click(), r: () => ACTS.restart() };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input,textarea,select,dialog")) return;
  if (/^[1-7]$/.test(event.key)) act({ act: "play", story: event.key });
  else if (event.key === " " && !event.target.closest("button,summary,a")) {
    event.preventDefault();
    $("stories").querySelector(".go")?.click();
  } else KEYS[event.key.toLowerCase()]?.();
});
