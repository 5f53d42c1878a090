// Cuts github.json out of GitHub's own OpenAPI description: the endpoints that
// this project speaks to, and every component that they refer to. To run again,
// or after adding to ENDPOINTS:
//
//   npm pack @octokit/openapi
//   tar xzf octokit-openapi-*.tgz package/generated/api.github.com.json
//   node slice.mjs package/generated/api.github.com.json > github.json
//
// The description is GitHub's, published by Octokit under the licence beside
// this file (MIT).

import { readFileSync } from "node:fs";

// Methods and paths.
const ENDPOINTS = [
  /^get \/user$/,
  /^get \/users\/\{username\}$/,
  /^(get|delete|post) \/(orgs\/\{org\}|user|users\/\{username\})\/packages\/\{package_type\}\/\{package_name\}(\/versions(\/\{package_version_id\}(\/restore)?)?)?$/,
  /^get \/repos\/\{owner\}\/\{repo\}$/,
  /^get \/repos\/\{owner\}\/\{repo\}\/actions\/workflows(\/\{workflow_id\}\/runs)?$/,
  /^post \/repos\/\{owner\}\/\{repo\}\/actions\/workflows\/\{workflow_id\}\/dispatches$/,
  /^get \/repos\/\{owner\}\/\{repo\}\/actions\/runs\/\{run_id\}(\/attempts\/\{attempt_number\}\/jobs)?$/,
  /^get \/repos\/\{owner\}\/\{repo\}\/attestations\/\{subject_digest\}$/,
  /^(get|post) \/repos\/\{owner\}\/\{repo\}\/issues$/,
  /^patch \/repos\/\{owner\}\/\{repo\}\/issues\/\{issue_number\}$/,
  /^post \/repos\/\{owner\}\/\{repo\}\/issues\/\{issue_number\}\/comments$/,
];

// Prose and examples are most of the bytes, and validate nothing.
const DROPPED = new Set([
  "description", "summary", "example", "examples", "externalDocs", "tags",
  "operationId", "title", "servers", "deprecated",
]);

const whole = JSON.parse(readFileSync(process.argv[2], "utf8"));

// A property may have any name, so names are kept below `properties`.
function lean(value, names = false) {
  if (Array.isArray(value)) return value.map((item) => lean(item));
  if (value === null || typeof value !== "object") return value;
  const kept = Object.entries(value).filter(
    ([key]) => names || !(DROPPED.has(key) || key.startsWith("x-")),
  );
  return Object.fromEntries(
    kept.map(([key, item]) => [key, lean(item, key === "properties" && !names)]),
  );
}

function refs(value, found = []) {
  if (value && typeof value === "object") {
    if (typeof value.$ref === "string") found.push(value.$ref);
    for (const item of Object.values(value)) refs(item, found);
  }
  return found;
}

const slice = {
  openapi: whole.openapi,
  info: {
    title: whole.info.title,
    version: whole.info.version,
    license: whole.info.license,
  },
  paths: {},
  components: {},
};
for (const [path, item] of Object.entries(whole.paths)) {
  for (const [method, operation] of Object.entries(item)) {
    if (!ENDPOINTS.some((wanted) => wanted.test(`${method} ${path}`))) continue;
    (slice.paths[path] ??= {})[method] = lean(operation);
  }
}
const waiting = refs(slice.paths);
const seen = new Set();
while (waiting.length > 0) {
  const ref = waiting.pop();
  if (seen.has(ref)) continue;
  seen.add(ref);
  const [, section, kind, name] = ref.split("/");
  const found = lean(whole[section][kind][name]);
  (slice.components[kind] ??= {})[name] = found;
  waiting.push(...refs(found));
}
for (const kind of Object.keys(slice.components)) {
  const sorted = Object.entries(slice.components[kind]).sort(([a], [b]) => (a < b ? -1 : 1));
  slice.components[kind] = Object.fromEntries(sorted);
}
process.stdout.write(JSON.stringify(slice, null, 1) + "\n");
