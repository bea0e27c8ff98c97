"use strict";
// Runs page.js with a document of its own, fills in its forms, and prints what was sent and shown.
// Given on standard input: the script, openapi.json, and steps, each with the answer to its request.

const vm = require("node:vm");

class Element {
  constructor(name) {
    Object.assign(this, { tag: name, children: [], listeners: {}, value: "", text: "" });
  }
  get textContent() { return this.text + this.children.map((each) => each.textContent ?? each).join(""); }
  set textContent(text) { Object.assign(this, { text, children: [] }); }
  append(...children) { this.children.push(...children); }
  replaceChildren(...children) { this.children = children; }
  addEventListener(name, listener) { this.listeners[name] = listener; }
  setAttribute() {}
  focus() {}
  all() { return this.children.flatMap((each) => (each instanceof Element ? [each, ...each.all()] : [])); }
  find(test) { return this.all().find(test); }
}

const main = async ({ script, openapi, steps }) => {
  const byId = { about: new Element("p"), token: new Element("input"), operations: new Element("main") };
  let sent, answer;
  const fetch = async (url, options) => {
    if (url === "openapi.json") return { json: async () => openapi };
    sent = { url, ...options };
    if (!answer) throw new TypeError("the network is down");
    const { status, body, breaks } = answer;
    const text = async () => { if (breaks) throw new TypeError("it broke off"); return body; };
    return { status, ok: status < 400, statusText: "", headers: new Map(), text };
  };
  // No more than a page has that came over plain HTTP from another machine.
  const crypto = { getRandomValues: (array) => globalThis.crypto.getRandomValues(array) };
  const document = { createElement: (name) => new Element(name), getElementById: (id) => byId[id] };
  vm.runInNewContext(script, { document, fetch, crypto, URLSearchParams, Uint8Array });
  await new Promise(setImmediate);
  const done = [];
  for (const step of steps) {
    sent = null;
    answer = step.answer;
    byId.token.value = step.token ?? "";
    const details = byId.operations.find((each) => each.tag === "details" && each.find(({ tag }) => tag === "code").text === step.form);
    const named = (name) => details.find((each) => each.name === name);
    for (const [name, value] of Object.entries(step.fill)) named(name).value = value;
    await details.find(({ tag }) => tag === "form").listeners.submit({ preventDefault() {} });
    done.push({
      sent,
      key: named("Idempotency-Key")?.value,
      shown: details.find(({ tag }) => tag === "pre").text,
      faults: details.all().filter(({ className, text }) => className === "fault" && text).length,
    });
  }
  const labels = byId.operations.all().filter(({ tag }) => tag === "label").map((each) => each.textContent);
  const placeholders = byId.operations.all().map(({ placeholder }) => placeholder);
  const codes = [byId.about, byId.operations].flatMap((each) => each.all()).filter(({ tag }) => tag === "code").map(({ text }) => text);
  const about = byId.about.textContent;
  console.log(JSON.stringify({ done, labels, placeholders, codes, about, shown: byId.operations.text }));
};

main(JSON.parse(require("node:fs").readFileSync(0, "utf8")));
