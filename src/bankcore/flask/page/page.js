"use strict";
// Draws openapi.json as forms, and sends what they say. Every text goes in as text.

const element = (name, text) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  return made;
};

const typeOf = ({ type, enum: values }) =>
  values ? values.filter((value) => value !== null).join(" | ") : [type].flat().join(" or ");

const described = (parent, { name, schema, required, description }) => {
  const label = element("label");
  label.append(element("code", name), ` ${typeOf(schema)}`);
  if (required) label.append(element("strong", " required"));
  if (description) label.append(` – ${description}`);
  parent.append(label);
  return label;
};

// 128 random bits, by what browsers have over plain HTTP, too.
const newKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

const indented = (text) => {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
};

const draw = (base, path, method, operation) => {
  const details = element("details");
  const summary = element("summary");
  summary.append(element("code", `${method.toUpperCase()} ${path}`), ` ${operation.summary}`);
  details.append(summary);
  const form = element("form");
  const inputs = (operation.parameters ?? []).map((parameter) => {
    const input = element("input");
    input.required = parameter.required;
    input.placeholder = parameter.schema.examples?.[0] ?? "";
    described(form, parameter).append(input);
    return { parameter, input };
  });
  const key = inputs.find(({ parameter }) => parameter.name === "Idempotency-Key");
  if (key) key.input.value = newKey();
  let body;
  if (operation.requestBody) {
    const { schema, example } = operation.requestBody.content["application/json"];
    const fields = element("ul");
    for (const [name, field] of Object.entries(schema.properties)) {
      const item = element("li");
      described(item, { name, schema: field, required: schema.required.includes(name), description: field.description });
      fields.append(item);
    }
    const label = element("label", "Body");
    body = element("textarea");
    body.rows = 6;
    body.value = JSON.stringify(example, null, 2);
    label.append(body);
    form.append(label, fields);
  }
  const button = element("button", "Send");
  const shown = element("pre");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    let url = base + path;
    const query = new URLSearchParams();
    const headers = {};
    const token = document.getElementById("token").value;
    if (token) headers.Authorization = `Bearer ${token}`;
    for (const { parameter, input } of inputs) {
      const value = input.value.trim();
      if (!value && parameter.required) {
        // A browser without form validation.
        shown.textContent = `${parameter.name} is required.`;
        return;
      }
      if (!value) continue;
      if (parameter.in === "path") url = url.replace(`{${parameter.name}}`, encodeURIComponent(value));
      else if (parameter.in === "query") query.set(parameter.name, value);
      else headers[parameter.name] = value;
    }
    if (body) headers["Content-Type"] = "application/json";
    if ([...query].length) url += `?${query}`;
    button.disabled = true;
    try {
      const response = await fetch(url, {
        method: method.toUpperCase(), headers, body: body ? body.value : undefined, credentials: "omit",
      });
      const etag = response.headers.get("ETag");
      shown.textContent = `${response.status}${etag ? `  ETag: ${etag}` : ""}\n${indented(await response.text())}`;
      // What was done is done once under its key: the next request is another.
      if (key && response.ok) key.input.value = newKey();
    } catch (error) {
      shown.textContent = String(error);
    } finally {
      button.disabled = false;
    }
  });
  form.append(button);
  details.append(form, shown);
  return details;
};

const main = async () => {
  const root = document.getElementById("operations");
  const documented = await (await fetch("openapi.json")).json();
  document.getElementById("about").textContent = documented.info.description;
  root.replaceChildren();
  const sections = {};
  for (const [path, operations] of Object.entries(documented.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const tag = operation.tags[0];
      if (!sections[tag]) {
        sections[tag] = element("section");
        sections[tag].append(element("h2", tag));
        root.append(sections[tag]);
      }
      sections[tag].append(draw(documented.servers[0].url, path, method, operation));
    }
  }
};

main().catch((error) => {
  document.getElementById("operations").textContent = `openapi.json cannot be read: ${error}`;
});
