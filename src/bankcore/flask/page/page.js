"use strict";
// Draws openapi.json as forms, and sends what they say. Every text goes in as text.

const element = (name, text, className) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
};

// What is between backticks is code.
const addTold = (parent, text) => {
  text.split("`").forEach((part, i) => parent.append(i % 2 ? element("code", part) : part));
};

// Not crypto.randomUUID, which is missing in pages that came over plain HTTP from another machine.
const newKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

const typeOf = (schema) => {
  const type = [schema.type].flat().join(" or ");
  const formats = (schema.anyOf ?? [schema]).map(({ format }) => format).filter((format) => format);
  const limits = [
    formats.length ? formats.join(" or ") : undefined,
    (schema.enum ?? []).filter((value) => value !== null).join(" | ") || undefined,
    schema.minimum === undefined ? undefined : `${schema.minimum} to ${schema.maximum}`,
    schema.default === undefined ? undefined : `default ${schema.default}`,
  ];
  return [type, ...limits.filter((limit) => limit !== undefined)].join(", ");
};

// Lists and objects are filled in as JSON.
const shownOf = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));

// A field that is left empty is not sent; of null and of nothing, the server does the same.
const inputOf = (schema) => {
  const values = schema.enum ?? ([schema.type].flat().includes("boolean") ? [true, false] : undefined);
  if (!values) {
    const text = element("input");
    text.placeholder = schema.examples ? `such as ${shownOf(schema.examples[0])}` : "";
    return text;
  }
  const input = element("select");
  for (const value of ["", ...values.filter((each) => each !== null)]) {
    input.append(element("option", String(value)));
  }
  return input;
};

const drawField = (parent, place, name, schema, required, description) => {
  const row = element("div", undefined, "field");
  const label = element("label");
  const told = element("span");
  told.append(element("code", name));
  if (required) told.append(" ", element("b", "required"));
  told.append(` ${typeOf(schema)}`);
  const input = inputOf(schema);
  input.name = name;
  input.required = required;
  label.append(told, input);
  row.append(label);
  if (description) {
    const small = element("small");
    addTold(small, description);
    row.append(small);
  }
  const fault = element("p", undefined, "fault");
  fault.setAttribute("role", "alert");
  row.append(fault);
  parent.append(row);
  return { place, name, schema, required, input, fault };
};

const fieldsOf = (form, operation) => {
  const fields = (operation.parameters ?? []).map((each) =>
    drawField(form, each.in, each.name, each.schema, each.required === true, each.description));
  if (!operation.requestBody) return fields;
  form.append(element("h3", "Body"));
  const { schema: { properties, required }, example } = operation.requestBody.content["application/json"];
  for (const [name, schema] of Object.entries(properties)) {
    const field = drawField(form, "body", name, schema, required.includes(name), schema.description);
    // So that a form can be sent at once.
    field.input.value = shownOf(example?.[name] ?? "");
    fields.push(field);
  }
  return fields;
};

// Blanks around what is copied into a path or a header belong to neither.
const textOf = ({ place, input }) => (place === "body" ? input.value : input.value.trim());

// The server judges all the rest; an id with another form would ask for another path.
const faultOf = (field) => {
  const value = textOf(field);
  if (field.required && !value) return "Fill this in: it is required. Nothing was sent.";
  if (field.place === "path" && !new RegExp(field.schema.pattern).test(value)) {
    return "This is not the form of an id. Nothing was sent.";
  }
  return "";
};

// What is no JSON is sent as the text that it is: the server says what it should be.
const parsed = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

const valueOf = ({ schema, input }) => {
  const types = [schema.type].flat();
  if (types.includes("boolean")) return input.value === "true";
  if (types.includes("array") || types.includes("object")) return parsed(input.value);
  return types.includes("integer") && /^-?\d{1,15}$/.test(input.value) ? Number(input.value) : input.value;
};

// A parameter that may be given several times is a list of JSON, or one text.
const severalOf = (field) => {
  const text = textOf(field);
  const list = field.schema.type === "array" ? parsed(text) : text;
  return Array.isArray(list) ? list.map(shownOf) : [text];
};

const requestOf = (base, path, method, fields) => {
  const sent = { method, headers: {}, credentials: "omit" };
  const query = new URLSearchParams();
  const body = {};
  const token = document.getElementById("token").value.trim();
  if (token) sent.headers.Authorization = `Bearer ${token}`;
  let url = base + path;
  for (const field of fields.filter(textOf)) {
    const { place, name } = field;
    const text = textOf(field);
    if (place === "path") url = url.replace(`{${name}}`, () => encodeURIComponent(text));
    else if (place === "query") for (const each of severalOf(field)) query.append(name, each);
    else if (place === "header") sent.headers[name] = text;
    else body[name] = valueOf(field);
  }
  if (fields.some(({ place }) => place === "body")) {
    sent.headers["Content-Type"] = "application/json";
    sent.body = JSON.stringify(body);
  }
  return { url: String(query) ? `${url}?${query}` : url, sent };
};

const indented = (text) => {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
};

const send = async (base, path, method, fields, shown) => {
  for (const field of fields) field.fault.textContent = faultOf(field);
  const wrong = fields.find(({ fault }) => fault.textContent);
  if (wrong) {
    // An earlier answer below "Nothing was sent" would be taken for that of this request.
    shown.textContent = "";
    wrong.input.focus();
    return;
  }
  const { url, sent } = requestOf(base, path, method, fields);
  const key = fields.find(({ name }) => name === "Idempotency-Key");
  shown.textContent = "…";
  try {
    const response = await fetch(url, sent);
    const text = indented(await response.text());
    const lines = [`${response.status} ${response.statusText}`];
    for (const name of ["ETag", "Retry-After"]) {
      if (response.headers.get(name)) lines.push(`${name}: ${response.headers.get(name)}`);
    }
    if (key) lines.push(`Idempotency-Key was: ${sent.headers["Idempotency-Key"]}`);
    shown.textContent = `${lines.join("\n")}\n\n${text}`;
    // After anything but a success the key stays, so that sending again is a retry.
    if (key && response.ok) key.input.value = newKey();
  } catch (error) {
    shown.textContent = `${error}\nThe answer did not arrive.`
      + (key ? "\nSend it again with the same key: it is done once." : "");
  }
};

const draw = (base, path, method, operation) => {
  const details = element("details");
  const summary = element("summary");
  summary.append(element("code", `${method} ${path}`), ` ${operation.summary}`);
  const form = element("form");
  form.noValidate = true;
  const fields = fieldsOf(form, operation);
  const key = fields.find(({ name }) => name === "Idempotency-Key");
  const button = element("button", "Send");
  form.append(button);
  if (key) {
    key.input.value = newKey();
    const fresh = element("button", "New key");
    fresh.type = "button";
    fresh.addEventListener("click", () => { key.input.value = newKey(); });
    form.append(" ", fresh);
  }
  const shown = element("pre");
  shown.tabIndex = 0;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    await send(base, path, method, fields, shown);
    button.disabled = false;
  });
  details.append(summary, form, shown);
  return details;
};

const main = async () => {
  const root = document.getElementById("operations");
  try {
    const documented = await (await fetch("openapi.json")).json();
    addTold(document.getElementById("about"), documented.info.description);
    root.replaceChildren();
    const base = documented.servers[0].url.replace(/\/$/, "");
    const sections = {};
    for (const [path, operations] of Object.entries(documented.paths)) {
      for (const [method, operation] of Object.entries(operations)) {
        const [tag] = operation.tags;
        if (!sections[tag]) {
          sections[tag] = element("section");
          sections[tag].append(element("h2", tag));
          root.append(sections[tag]);
        }
        sections[tag].append(draw(base, path, method.toUpperCase(), operation));
      }
    }
  } catch (error) {
    root.textContent = `openapi.json cannot be read: ${error}`;
  }
};

main();
