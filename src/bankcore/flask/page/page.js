"use strict";
// Draws openapi.json as forms, and sends what they say. Every text goes in as text.

const element = (name, text) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  return made;
};

const labelled = (parent, name, hint) => {
  const label = element("label", name + (hint ? ` – ${hint}` : ""));
  const input = element("input");
  label.append(input);
  parent.append(label);
  return input;
};

const exampleOf = (schema) => {
  const known = { amount: "5.00", initial_balance: "100.00", overdraft_limit: "0.00", currency: "EUR" };
  const made = {};
  for (const name of schema.required) {
    const { type, enum: values } = schema.properties[name];
    made[name] = known[name] ?? (values ? values[0] : type === "boolean" ? true : "");
  }
  return JSON.stringify(made, null, 2);
};

const draw = (base, path, method, operation) => {
  const details = element("details");
  const summary = element("summary");
  summary.append(element("code", `${method.toUpperCase()} ${path}`), ` ${operation.summary}`);
  details.append(summary);
  const inputs = (operation.parameters ?? []).map((parameter) => ({
    parameter,
    input: labelled(details, parameter.name, parameter.description),
  }));
  for (const { parameter, input } of inputs) {
    if (parameter.name === "Idempotency-Key") input.value = crypto.randomUUID();
  }
  let body;
  if (operation.requestBody) {
    const schema = operation.requestBody.content["application/json"].schema;
    const label = element("label", `Body – ${Object.keys(schema.properties).join(", ")}`);
    body = element("textarea");
    body.rows = 6;
    body.value = exampleOf(schema);
    label.append(body);
    details.append(label);
  }
  const button = element("button", "Send");
  const shown = element("pre");
  button.addEventListener("click", async () => {
    let url = base + path;
    const query = new URLSearchParams();
    const headers = {};
    const token = document.getElementById("token").value;
    if (token) headers.Authorization = `Bearer ${token}`;
    for (const { parameter, input } of inputs) {
      if (!input.value) continue;
      if (parameter.in === "path") url = url.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
      else if (parameter.in === "query") query.set(parameter.name, input.value);
      else headers[parameter.name] = input.value;
    }
    if (body) headers["Content-Type"] = "application/json";
    if (query.size) url += `?${query}`;
    try {
      const response = await fetch(url, {
        method: method.toUpperCase(), headers, body: body ? body.value : undefined, credentials: "omit",
      });
      const etag = response.headers.get("ETag");
      shown.textContent = `${response.status}${etag ? `  ETag: ${etag}` : ""}\n${await response.text()}`;
    } catch (error) {
      shown.textContent = String(error);
    }
  });
  details.append(button, shown);
  return details;
};

const main = async () => {
  const root = document.getElementById("operations");
  const documented = await (await fetch("openapi.json")).json();
  document.getElementById("about").textContent = documented.info.description;
  root.replaceChildren();
  for (const [path, operations] of Object.entries(documented.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      root.append(draw(documented.servers[0].url, path, method, operation));
    }
  }
};

main();
