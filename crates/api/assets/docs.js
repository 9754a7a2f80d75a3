// Renders the OpenAPI document as a page. All content is inserted as text, never as markup, because it is data.
"use strict";

const METHODS = ["get", "post", "put", "delete"];
const DEEPEST = 4;

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

// Text with `code` in backticks.
function prose(text) {
  return text.split(/`([^`]+)`/).map((part, at) => (at % 2 ? make("code", {}, part) : part));
}

function resolver(root) {
  return function resolve(schema) {
    let found = schema;
    for (let hops = 0; found && found.$ref && hops < 8; hops += 1) {
      const path = found.$ref.replace(/^#\//, "").split("/");
      found = path.reduce((at, step) => (at ? at[step] : undefined), root);
    }
    return found || {};
  };
}

// A schema without its `null` option.
function bare(schema) {
  const options = schema.oneOf || schema.anyOf;
  if (options) {
    const rest = options.filter((option) => option.type !== "null");
    if (rest.length === 1) return rest[0];
  }
  return schema;
}

function nameOf(schema, resolve) {
  const target = bare(schema);
  const named = target.$ref ? target.$ref.split("/").pop() : null;
  const found = resolve(target);
  if (found.enum) return found.enum.join(" | ");
  const types = (Array.isArray(found.type) ? found.type : [found.type]).filter((type) => type && type !== "null");
  if (types.includes("array")) return `${nameOf(found.items || {}, resolve)}[]`;
  if (named) return named;
  const type = types.join(" | ") || (found.allOf ? "object" : "any");
  return found.format ? `${type} (${found.format})` : type;
}

function membersOf(schema, resolve) {
  let found = resolve(bare(schema));
  if (found.type === "array" || (Array.isArray(found.type) && found.type.includes("array"))) {
    found = resolve(bare(found.items || {}));
  }
  const parts = found.allOf ? found.allOf.map((part) => resolve(part)) : [found];
  const required = new Set(parts.flatMap((part) => part.required || []));
  return parts.flatMap((part) => Object.entries(part.properties || {})).map(([name, member]) => ({
    name, member, required: required.has(name),
  }));
}

function bounds(schema) {
  const told = [];
  if (schema.minLength) told.push(`at least ${schema.minLength} characters`);
  if (schema.maxLength) told.push(`at most ${schema.maxLength} characters`);
  if (schema.minimum !== undefined && schema.maximum !== undefined) told.push(`${schema.minimum} to ${schema.maximum}`);
  if (schema.writeOnly) told.push("never returned");
  return told.join(", ");
}

function rows(schema, resolve, depth, markRequired) {
  return membersOf(schema, resolve).flatMap(({ name, member, required }) => {
    const found = resolve(bare(member));
    const description = member.description || found.description || "";
    const extra = bounds({ ...found, ...member });
    const row = make("tr", {},
      make("td", {},
        make("span", { class: "deep", "data-depth": depth }, name),
        markRequired && required ? make("span", { class: "must" }, "required") : null),
      make("td", {},
        make("span", { class: "kind" }, nameOf(member, resolve), extra ? ` · ${extra}` : ""),
        description ? make("div", {}, prose(description)) : null));
    return depth < DEEPEST ? [row, ...rows(member, resolve, depth + 1, markRequired)] : [row];
  });
}

function fieldTable(schema, resolve, markRequired) {
  const content = rows(schema, resolve, 0, markRequired);
  if (content.length === 0) return make("p", { class: "kind" }, nameOf(schema, resolve));
  return make("table", { class: "fields" }, make("tbody", {}, content));
}

// An example value, from the schema's own examples where it has any.
function sample(schema, resolve, depth = 0) {
  const found = { ...resolve(bare(schema)), ...(schema.$ref ? {} : schema) };
  if (schema.example !== undefined) return schema.example;
  if (found.example !== undefined) return found.example;
  if (found.examples) return found.examples[0];
  if (found.enum) return found.enum[0];
  if (depth > 2 * DEEPEST) return null;
  const members = membersOf({ ...found, oneOf: undefined, anyOf: undefined }, resolve);
  const types = Array.isArray(found.type) ? found.type : [found.type];
  if (types.includes("array")) return [sample(found.items || {}, resolve, depth + 1)];
  if (members.length) return Object.fromEntries(members.map(({ name, member }) => [name, sample(member, resolve, depth + 1)]));
  if (types.includes("boolean")) return true;
  if (types.includes("integer") || types.includes("number")) return 0;
  const byFormat = { uuid: "018f4c5e-7c1a-7b3a-9d6e-2f5a1b0c3d4e", "date-time": "2026-01-31T12:00:00.000Z", password: "…" };
  return byFormat[found.format] || "text";
}

// A body with what the call needs. Ids are marks, which `curl` replaces.
function requestSample(body, resolve) {
  const whole = sample(body, resolve);
  const members = membersOf(body, resolve);
  const wanted = members.filter(({ required }) => required);
  const isExample = resolve(bare(body)).example !== undefined;
  const names = (wanted.length ? wanted : members.slice(0, 2)).map(({ name }) => name);
  const shown = isExample || Array.isArray(whole) ? whole : Object.fromEntries(names.map((name) => [name, whole[name]]));
  const marked = (name, value) => (typeof value === "string" && name in SOURCES ? `{${name}}` : value);
  return JSON.stringify(shown, marked);
}

// The address of this server, also below the path of a proxy.
const SERVER = new URL("./", location.href).href.replace(/\/$/, "");

// Where an id comes from: the call that returns it, and the field with it. The first one in the response is used.
const SOURCES = {
  bucketId: { path: "/bucket?limit=1" },
  workspaceId: { path: "/workspace?limit=1" },
  repoId: { path: "/repo?limit=1" },
  apikeyId: { path: "/repo/$REPO_ID/apikey" },
  tokenId: { path: "/token?limit=1" },
  channelId: { path: "/notification/channel?limit=1" },
  silenceId: { path: "/notification/silence?limit=1" },
  userId: { path: "/user/profile" },
  orgId: { path: "/user/profile", field: "orgId" },
  validationId: { path: "/bucket/$BUCKET_ID/validation", field: "validationId", method: "POST" },
};
// Only whoever began a registration has its id.
const BEGUN_BEFORE = /\/registration\/\{/;
// Calls that change nothing although they send something.
const HARMLESS = /\/(validate|validation|stats)$/;
const TOKEN = '-H "Authorization: Bearer $BUCKETRY_TOKEN"';

// The variable for an id: `bucketId` is in BUCKET_ID.
function variable(name) {
  return name.replace(/([a-z])([A-Z])/g, "$1_$2").toUpperCase();
}

// The line that reads an id of whoever pastes it.
function obtain(name) {
  const { path, field = "id", method } = SOURCES[name];
  return `${variable(name)}=$(curl -s ${method ? `-X ${method} ` : ""}"${SERVER}${path}" ${TOKEN} |
  grep -o '"${field}":"[^"]*"' | head -n 1 | cut -d '"' -f 4)`;
}

// What a call needs, as variables of a shell. Which thing is changed or removed, people choose themselves.
function variables(method, path, text) {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  const inBody = [...text.matchAll(/"\{(\w+)\}"/g)].map(([, name]) => name);
  const names = [...new Set([...inPath, ...inBody])];
  const mustChoose = BEGUN_BEFORE.test(path) || (inPath.length > 0 && method !== "get" && !HARMLESS.test(path));
  const known = names.filter((name) => name in SOURCES);
  return {
    obtained: mustChoose ? [] : known,
    chosen: names.filter((name) => mustChoose || !(name in SOURCES)),
  };
}

// The path with what must be in its query.
function target(path, parameters, resolve, use) {
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => use(name));
  const wanted = parameters.filter((parameter) => parameter.in === "query" && parameter.required);
  const pairs = wanted.map((parameter) => {
    const value = parameter.example ?? sample(parameter.schema || {}, resolve);
    return `${parameter.name}=${encodeURIComponent([value].flat()[0])}`;
  });
  return SERVER + filled + (pairs.length ? `?${pairs.join("&")}` : "");
}

// The lines to paste. A body is sent where the call needs one.
function curl(method, path, operation, requestBody, body, parameters, resolve) {
  const needsBody = body && (requestBody.required || membersOf(body, resolve).some(({ required }) => required));
  const text = needsBody ? requestSample(body, resolve).replaceAll("'", "'\\''") : "";
  const { obtained, chosen } = variables(method, path, text);
  const use = (name) => {
    const own = variable(name);
    return chosen.includes(name) ? `\${${own}:?is the id to use}` : `$${own}`;
  };
  const lines = [`curl ${method === "get" ? "" : `-X ${method.toUpperCase()} `}"${target(path, parameters, resolve, use)}"`];
  if (operation.security) lines.push(TOKEN);
  if (needsBody) {
    const filled = text.replace(/"\{(\w+)\}"/g, (_, name) => `"'"${use(name)}"'"`);
    lines.push("-H 'Content-Type: application/json'", `-d '${filled}'`);
  }
  return { example: [...obtained.map(obtain), lines.join(" \\\n  ")].join("\n"), obtained, chosen };
}

function copyable(text) {
  const button = make("button", { class: "copy", type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select and copy";
    }
  });
  return make("div", {}, button, make("pre", { tabindex: "0", role: "group", "aria-label": "Example" }, make("code", {}, text)));
}

// The example, and what to do before it is pasted.
function tryIt({ example, obtained, chosen }, operation) {
  const list = (names) => names.map(variable).join(" and ");
  const told = [
    chosen.length ? `Set ${list(chosen)} first.` : "",
    operation.security ? "The variable BUCKETRY_TOKEN must contain a token." : "",
    obtained.length ? `The ${obtained.length > 1 ? "first lines set" : "first line sets"} ${list(obtained)} to what the server has for you.` : "",
  ].filter(Boolean).join(" ");
  return make("div", { class: "try" }, copyable(example), told ? make("p", { class: "kind" }, told) : null);
}

// Whether a call is signed by a node, so that nobody can paste it.
function isSigned(parameters, body, resolve) {
  const names = [...parameters.map(({ name }) => name), ...(body ? membersOf(body, resolve).map(({ name }) => name) : [])];
  return names.includes("signature");
}

function responseEntry(status, response, resolve) {
  const found = resolve(response);
  const [kind, content] = Object.entries(found.content || {})[0] || [];
  const isJson = kind === "application/json" && content && content.schema;
  return make("details", {},
    make("summary", {}, make("b", { class: status < "400" ? "ok" : "bad" }, status), make("span", {}, prose(found.description || ""))),
    make("div", {},
      isJson ? [fieldTable(content.schema, resolve, false), make("h4", {}, "Example"),
        copyable(JSON.stringify(sample(content.schema, resolve), null, 2))]
        : make("p", { class: "kind" }, kind || "no body")));
}

function article(method, path, operation, resolve) {
  const id = operation.operationId;
  const parameters = (operation.parameters || []).map((parameter) => resolve(parameter));
  const requestBody = operation.requestBody ? resolve(operation.requestBody) : null;
  const body = requestBody && requestBody.content ? requestBody.content["application/json"].schema : null;
  const parts = [
    make("h3", {}, make("span", { class: `verb ${method}` }, method.toUpperCase()), make("a", { href: `#${id}` }, path),
      make("span", { class: "lock" }, operation.security ? "needs a token" : "open")),
    make("p", { class: "summary" }, prose(operation.summary || "")),
    operation.description ? make("p", { class: "more" }, prose(operation.description)) : null,
  ];
  if (parameters.length) {
    parts.push(make("h4", {}, "Parameters"), make("table", { class: "fields" }, make("tbody", {}, parameters.map((parameter) =>
      make("tr", {},
        make("td", {}, parameter.name, parameter.required ? make("span", { class: "must" }, "required") : null),
        make("td", {}, make("span", { class: "kind" }, `${nameOf(parameter.schema || {}, resolve)} in ${parameter.in}`),
          parameter.description ? make("div", {}, prose(parameter.description)) : null))))));
  }
  if (body) parts.push(make("h4", {}, "Body"), fieldTable(body, resolve, true));
  parts.push(make("h4", {}, "Try it"), isSigned(parameters, body, resolve)
    ? make("p", { class: "kind" }, "Only nodes make this call, because they sign it.")
    : tryIt(curl(method, path, operation, requestBody, body, parameters, resolve), operation));
  parts.push(make("h4", {}, "Responses"), Object.entries(operation.responses || {}).map(([status, response]) => responseEntry(status, response, resolve)));
  return make("article", { id, "data-words": `${method} ${path} ${operation.summary || ""} ${id}`.toLowerCase() }, parts.flat());
}

function draw(root) {
  const resolve = resolver(root);
  const content = document.getElementById("content");
  const index = document.getElementById("index");
  document.getElementById("version").textContent = root.info.version;
  const intro = (root.info.description || "").split("\n\n").map((text) => make("p", {}, prose(text)));
  content.replaceChildren(make("div", { class: "intro" }, intro));
  for (const tag of root.tags || []) {
    const calls = Object.entries(root.paths).flatMap(([path, item]) => METHODS.filter((method) => item[method])
      .map((method) => ({ method, path, operation: item[method] }))
      .filter(({ operation }) => (operation.tags || []).includes(tag.name)));
    if (calls.length === 0) continue;
    content.append(make("section", { "data-group": tag.name }, make("h2", {}, tag.name), make("p", {}, prose(tag.description || "")),
      calls.map(({ method, path, operation }) => article(method, path, operation, resolve))));
    index.append(make("div", { "data-group": tag.name }, make("h2", {}, tag.name), calls.map(({ method, path, operation }) =>
      make("a", { href: `#${operation.operationId}` }, make("span", { class: `verb ${method}` }, method.toUpperCase()), make("span", {}, path)))));
  }
  index.append(make("p", { class: "nothing", hidden: true }, "No call matches."));
  // Style attributes are refused by the page's policy; setting the property is not.
  for (const element of content.querySelectorAll("[data-depth]")) element.style.setProperty("--depth", element.dataset.depth);
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

function filter(text) {
  // On a phone, the list of calls is closed until somebody looks for one.
  if (text) document.getElementById("calls").open = true;
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const card of document.querySelectorAll("article")) {
    const hit = words.every((word) => card.dataset.words.includes(word));
    card.hidden = !hit;
    document.querySelector(`#index a[href="#${card.id}"]`).hidden = !hit;
    shown += hit ? 1 : 0;
  }
  for (const group of document.querySelectorAll("[data-group]")) {
    const entry = group.tagName === "SECTION" ? "article" : "a";
    group.hidden = !group.querySelector(`${entry}:not([hidden])`);
  }
  document.querySelector(".nothing").hidden = shown > 0;
}

async function start() {
  if (matchMedia("(max-width: 56rem)").matches) document.getElementById("calls").open = false;
  try {
    const answer = await fetch("openapi.json");
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    draw(await answer.json());
  } catch (error) {
    document.getElementById("content").replaceChildren(make("p", {}, `The document could not be loaded: ${error.message}`));
    return;
  }
  const input = document.getElementById("filter");
  input.addEventListener("input", () => filter(input.value));
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== input) {
      event.preventDefault();
      input.focus();
    }
  });
}

start();
