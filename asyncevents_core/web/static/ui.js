// Shows an OpenAPI document and sends requests by it. Everything is inserted as text.
"use strict";

// ……/rest/docs/ui.js -> ……/rest/, wherever the application is mounted.
const root = new URL("..", document.currentScript.src);

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function resolve(spec, schema) {
  if (!schema || !schema.$ref) return schema || {};
  return schema.$ref.split("/").slice(1).reduce((found, key) => found[key], spec);
}

function example(spec, schema) {
  return (resolve(spec, schema).examples || [{}])[0];
}

function schemaText(spec, schema, indent = "") {
  const lines = [];
  for (const [name, one] of Object.entries(resolve(spec, schema).properties || {})) {
    const type = resolve(spec, one);
    const kinds = (type.oneOf || type.anyOf || [type]).map((kind) => resolve(spec, kind).type || "any");
    lines.push(`${indent}${name}: ${kinds.join(" | ")}`);
    if (type.properties) lines.push(schemaText(spec, type, `${indent}  `));
  }
  return lines.join("\n");
}

function field(parameter) {
  const input = element("input", { name: parameter.name, required: parameter.required === true });
  input.dataset.in = parameter.in;
  const label = element("span", {}, parameter.name, parameter.required ? " *" : "");
  label.title = parameter.description || "";
  return element("label", { className: "field" }, label, input);
}

async function send(method, path, form, output) {
  const headers = {};
  const query = new URLSearchParams();
  let target = path;
  for (const input of form.querySelectorAll("input")) {
    if (!input.value) continue;
    if (input.dataset.in === "path") target = target.replace(`{${input.name}}`, encodeURIComponent(input.value));
    else if (input.dataset.in === "header") headers[input.name] = input.value;
    else query.append(input.name, input.value);
  }
  const extra = form.querySelector("input[data-in=extra]");
  const token = document.getElementById("token").value.trim();
  if (token) headers.Authorization = `Bearer ${token}`;
  const body = form.querySelector("textarea");
  if (body) headers["Content-Type"] = "application/json";
  if (extra) query.delete(extra.name);
  const search = [query.toString(), extra ? extra.value.replace(/^\?/, "") : ""].filter(Boolean).join("&");
  const url = new URL(target.replace(/^\/rest\//, "") + (search ? `?${search}` : ""), root);
  try {
    const answer = await fetch(url, { method, headers, body: body ? body.value : undefined });
    const text = await answer.text();
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* it is no JSON: shown as it is */ }
    output.textContent = `${method} ${url}\n${answer.status} ${answer.statusText}\n\n${shown.slice(0, 200000)}`;
  } catch (error) {
    output.textContent = `${method} ${url}\n${error}`;
  }
}

function operation(spec, path, method, one) {
  const form = element("form");
  const output = element("pre", { hidden: true });
  if (one.description) form.append(element("p", { className: "hint" }, one.description));
  for (const parameter of one.parameters || []) form.append(field(parameter));
  if (path.endsWith("/async_events") && method === "get") {
    form.append(field({ name: "searchCriteria…", in: "extra", description: "as in a URL" }));
  }
  const content = ((one.requestBody || {}).content || {})["application/json"];
  if (content) {
    form.append(element("p", { className: "hint" }, schemaText(spec, content.schema)));
    form.append(element("textarea", { value: JSON.stringify(example(spec, content.schema), null, 2) }));
  }
  form.append(element("button", {}, "Send"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    output.hidden = false;
    output.textContent = "…";
    send(method.toUpperCase(), path, form, output);
  });
  return element(
    "details", {},
    element(
      "summary", {},
      element("span", { className: "method" }, method.toUpperCase()),
      element("span", { className: "path" }, path),
      element("span", { className: "title" }, one.summary || ""),
    ),
    form, output,
  );
}

async function show() {
  const spec = await (await fetch(new URL("docs/openapi.json", root))).json();
  const groups = new Map();
  for (const [path, operations] of Object.entries(spec.paths)) {
    for (const [method, one] of Object.entries(operations)) {
      const tag = (one.tags || ["other"])[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operation(spec, path, method, one));
    }
  }
  const main = document.querySelector("main");
  main.replaceChildren();
  for (const [tag, operations] of groups) main.append(element("h2", {}, tag), ...operations);
}

show().catch((error) => { document.querySelector("main").textContent = String(error); });
