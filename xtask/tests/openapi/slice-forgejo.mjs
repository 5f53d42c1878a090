// Cuts forgejo.json out of Forgejo's own API description: the endpoints that this
// project speaks to, and every schema that they refer to, in the form of OpenAPI 3,
// which the judge reads. To run again, or after adding to ENDPOINTS:
//
//   cargo info forgejo-api   # fetches the crate that carries the description
//   tar xzf ~/.cargo/registry/cache/*/forgejo-api-*.crate
//   node slice-forgejo.mjs forgejo-api-*/swagger.v1.json > forgejo.json
//
// The description is Forgejo's, "distributed under the MIT license for the purpose
// of interoperability".

import { readFileSync } from "node:fs";

const ENDPOINTS = [
  /^get \/user$/,
  /^get \/repos\/\{owner\}\/\{repo\}$/,
  /^(get|post) \/repos\/\{owner\}\/\{repo\}\/(issues|labels)$/,
  /^patch \/repos\/\{owner\}\/\{repo\}\/issues\/\{index\}$/,
  /^post \/repos\/\{owner\}\/\{repo\}\/issues\/\{index\}\/comments$/,
  /^get \/repos\/\{owner\}\/\{repo\}\/collaborators\/\{collaborator\}\/permission$/,
  /^get \/repos\/\{owner\}\/\{repo\}\/actions\/runs(\/\{run_id\})?$/,
  /^post \/repos\/\{owner\}\/\{repo\}\/actions\/workflows\/\{workflowfilename\}\/dispatches$/,
  /^get \/packages\/\{owner\}$/,
  /^delete \/packages\/\{owner\}\/\{type\}\/\{name\}\/\{version\}$/,
];

const DROPPED = new Set(["description", "summary", "example", "tags", "operationId", "title"]);

const whole = JSON.parse(readFileSync(process.argv[2], "utf8"));

// A property may have any name, so names are kept below `properties`.
function lean(value, names = false) {
  if (Array.isArray(value)) return value.map((item) => lean(item));
  if (value === null || typeof value !== "object") return value;
  const kept = Object.entries(value).filter(
    ([key]) => names || !(DROPPED.has(key) || key.startsWith("x-")),
  );
  const pairs = kept.map(([key, item]) => [
    key,
    key === "$ref" && typeof item === "string"
      ? item.replace("#/definitions/", "#/components/schemas/")
      : lean(item, key === "properties" && !names),
  ]);
  const made = Object.fromEntries(pairs);
  // `format: url` is no format of JSON Schema.
  if (made.format === "url") delete made.format;
  return made;
}

function parameter({ name, in: place, required, ...schema }) {
  delete schema.description;
  delete schema.collectionFormat;
  return { name, in: place, required: required ?? false, schema: lean(schema) };
}

const json = (schema) => ({ "application/json": { schema: lean(schema) } });

function response(reply) {
  const found = reply.$ref ? whole.responses[reply.$ref.split("/").pop()] : reply;
  return found.schema ? { content: json(found.schema) } : {};
}

function refs(value, found = []) {
  if (value && typeof value === "object") {
    if (typeof value.$ref === "string") found.push(value.$ref);
    for (const item of Object.values(value)) refs(item, found);
  }
  return found;
}

const slice = {
  openapi: "3.0.3",
  info: { title: whole.info.title, version: whole.info.version, license: whole.info.license },
  paths: {},
  components: { schemas: {} },
};
for (const [path, item] of Object.entries(whole.paths)) {
  for (const [method, operation] of Object.entries(item)) {
    if (!ENDPOINTS.some((wanted) => wanted.test(`${method} ${path}`))) continue;
    const all = operation.parameters ?? [];
    const body = all.find((one) => one.in === "body");
    const replies = Object.entries(operation.responses ?? {});
    (slice.paths[path] ??= {})[method] = {
      parameters: all.filter((one) => one.in !== "body").map(parameter),
      ...(body ? { requestBody: { content: json(body.schema) } } : {}),
      responses: Object.fromEntries(replies.map(([code, reply]) => [code, response(reply)])),
    };
  }
}
const waiting = refs(slice.paths);
while (waiting.length > 0) {
  const name = waiting.pop().split("/").pop();
  if (slice.components.schemas[name]) continue;
  const found = lean(whole.definitions[name]);
  slice.components.schemas[name] = found;
  waiting.push(...refs(found));
}
const sorted = Object.entries(slice.components.schemas).sort(([a], [b]) => (a < b ? -1 : 1));
slice.components.schemas = Object.fromEntries(sorted);
process.stdout.write(JSON.stringify(slice, null, 1) + "\n");
