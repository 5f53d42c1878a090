//! What a correct config may still get wrong. Each lint has a name, by which
//! `ignition.allow` of `image.yaml` silences it with a reason.

use image_config::{Allow, Lint};
use serde::Serialize;
use serde_json::Value;

use super::secrets::Secret;
use super::view::{Contents, View, decode, list};
use super::{image_refs, secrets, unit};

/// What a lint found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// Which one.
    pub lint: Lint,
    /// Where in the generated config.
    pub path: String,
    /// What.
    pub detail: String,
    /// Why it is meant so, if `image.yaml` says it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<String>,
}

/// Every finding in a config; `file` is the source's name for `allow`.
pub fn lint(view: &View, file: &str, allow: &[Allow]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |lint: Lint, path: String, detail: String| {
        let allowed = allow.iter().find(|entry| {
            entry.lint == lint && entry.file.as_ref().is_none_or(|f| f.as_str() == file)
        });
        findings.push(Finding {
            lint,
            path,
            detail,
            allowed: allowed.map(|entry| entry.reason.to_string()),
        });
    };
    users(view, &mut add);
    secret_texts(view, &mut add);
    resources(view, &mut add);
    for (path, luks) in view.entries("storage", "luks") {
        encryption(&path, luks, &mut add);
    }
    units(view, &mut add);
    for loose in image_refs::loose(view) {
        add(Lint::UnpinnedImage, loose.path, loose.what);
    }
    findings
}

type Add<'a> = dyn FnMut(Lint, String, String) + 'a;

fn users(view: &View, add: &mut Add<'_>) {
    let mut keys = 0;
    let mut real = 0;
    for (path, user) in view.entries("passwd", "users") {
        let name = user["name"].as_str().unwrap_or_default();
        // `*` and `!` are not hashes: nobody can have such a password.
        let hash = user["passwordHash"].as_str().unwrap_or_default();
        if !hash.is_empty() && !hash.starts_with(['*', '!']) {
            let detail =
                format!("the password hash of `{name}` would be public, to be guessed at leisure");
            add(Lint::PasswordHash, format!("{path}.passwordHash"), detail);
        }
        for (at, key) in list(&user["sshAuthorizedKeys"]).enumerate() {
            let key = key.as_str().unwrap_or_default();
            keys += 1;
            real += usize::from(comment(key) != Some("placeholder"));
            if comment(key).is_none() {
                let detail = format!("nobody can tell whose key of `{name}` this is");
                add(
                    Lint::KeyWithoutComment,
                    format!("{path}.sshAuthorizedKeys.{at}"),
                    detail,
                );
            }
        }
    }
    // sshd can be told to read keys elsewhere, too.
    for file in view.files() {
        if file.target.contains("authorized_keys") {
            let text = file.contents.text().unwrap_or_default();
            for key in text.lines().filter(|line| line.contains("AAAA")) {
                keys += 1;
                real += usize::from(comment(key) != Some("placeholder"));
            }
        }
    }
    if real == 0 && view.entries("passwd", "users").next().is_some() {
        let detail = match keys {
            0 => "no user has an SSH key: nobody could log in",
            _ => {
                "the only SSH key is the placeholder: put your own in `ignition.ssh-keys` of image.yaml"
            }
        };
        add(Lint::NoKey, "$.passwd.users".to_owned(), detail.to_owned());
    }
    for file in view.files() {
        let public = file.target.contains("/ssh_host_") && file.target.ends_with(".pub");
        let known = file.target.ends_with("known_hosts") || file.target.contains("authorized_keys");
        let Some(text) = file.contents.text().filter(|_| public || known) else {
            continue;
        };
        let lines = text
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty() && !l.starts_with('#'));
        for line in lines {
            if comment(line).is_none() {
                let detail = format!("{} holds a key without a comment", file.target);
                add(Lint::KeyWithoutComment, file.path.clone(), detail);
            }
        }
    }
}

/// What follows the key in a line: type, blob, comment. Whatever stands in
/// front of the type (options, host names) is skipped.
fn comment(line: &str) -> Option<&str> {
    let blob = line.find("AAAA")?;
    let (_, rest) = line[blob..].split_once(char::is_whitespace)?;
    Some(rest.trim()).filter(|rest| !rest.is_empty())
}

fn secret_texts(view: &View, add: &mut Add<'_>) {
    let mut judge = |path: &str, place: &str, text: &str| {
        for secret in secrets::find(text) {
            let (lint, what) = match secret {
                Secret::PasswordHash => (Lint::PasswordHash, "a password hash"),
                Secret::PrivateKey => (Lint::PrivateKey, "a private key"),
                Secret::Token(what) => (Lint::Token, what),
            };
            add(
                lint,
                path.to_owned(),
                format!("{place} holds {what}, which would be public"),
            );
        }
    };
    for file in view.files() {
        if let Some(text) = file.contents.text() {
            judge(&file.path, file.target, &text);
        }
    }
    for unit in view.units() {
        judge(&unit.path, unit.name, unit.text);
    }
    for (path, quadlet) in view.entries("systemd", "quadlets") {
        let text = quadlet["contents"].as_str().unwrap_or_default();
        judge(&path, quadlet["name"].as_str().unwrap_or_default(), text);
    }
}

/// Things that the machine fetches, wherever they stand.
fn resources(view: &View, add: &mut Add<'_>) {
    fn walk(path: &str, value: &Value, add: &mut Add<'_>) {
        if value["source"].is_string() {
            let headers = secrets::secret_headers(value);
            for name in headers {
                add(
                    Lint::Token,
                    path.to_owned(),
                    format!("the header `{name}` would be public"),
                );
            }
            if let Contents::Remote { url, verified } = decode(value) {
                if secrets::has_credentials(&url) {
                    let detail = "the URL holds a password, which would be public".to_owned();
                    add(Lint::Token, path.to_owned(), detail);
                } else if !verified {
                    let detail = format!("{url} is fetched without `verification.hash`");
                    add(Lint::UnverifiedSource, path.to_owned(), detail);
                }
            }
        }
        match value {
            Value::Object(map) => map
                .iter()
                .for_each(|(key, value)| walk(&format!("{path}.{key}"), value, add)),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .for_each(|(at, value)| walk(&format!("{path}.{at}"), value, add)),
            _ => {}
        }
    }
    for part in &view.parts {
        walk(&part.path, &part.json, add);
        let proxy = &part.json["ignition"]["proxy"];
        for key in ["httpProxy", "httpsProxy"] {
            if proxy[key].as_str().is_some_and(secrets::has_credentials) {
                let detail = "the proxy's URL holds a password, which would be public".to_owned();
                add(
                    Lint::Token,
                    format!("{}.ignition.proxy.{key}", part.path),
                    detail,
                );
            }
        }
    }
}

fn encryption(path: &str, luks: &Value, add: &mut Add<'_>) {
    let name = luks["name"].as_str().unwrap_or_default();
    if let Contents::Here(_) = decode(&luks["keyFile"]) {
        let detail = format!("the key of the encrypted device `{name}` would be public");
        add(Lint::PrivateKey, format!("{path}.keyFile"), detail);
    }
    let custom = &luks["clevis"]["custom"];
    let config = custom["config"].as_str().unwrap_or_default();
    let Ok(config) = serde_json::from_str::<Value>(config) else {
        return;
    };
    let registers = registers(&config);
    if !registers.is_empty() {
        let list: Vec<String> = registers.iter().map(ToString::to_string).collect();
        let detail = format!(
            "`{name}` is bound to PCR {}, which {} changes: the machine would not unlock its disk by itself any more",
            list.join(", "),
            if registers.iter().any(|register| matches!(register, 0..=7)) {
                "a firmware update"
            } else {
                "an update of boot loader or kernel"
            },
        );
        add(
            Lint::PcrBinding,
            format!("{path}.clevis.custom.config"),
            detail,
        );
    }
}

/// The registers that a clevis configuration binds to, in all pins inside it,
/// and that an update may change: 16 and 23 belong to applications.
fn registers(config: &Value) -> Vec<u64> {
    let mut found = Vec::new();
    match config {
        Value::Object(map) => {
            for (key, value) in map {
                if key == "pcr_ids" {
                    let text = match value {
                        Value::String(text) => text.clone(),
                        other => other.to_string(),
                    };
                    let numbers = text.split(|c: char| !c.is_ascii_digit());
                    found.extend(numbers.filter_map(|n| n.parse::<u64>().ok()));
                } else {
                    found.extend(registers(value));
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| found.extend(registers(item))),
        _ => {}
    }
    found.retain(|register| *register <= 15);
    found.sort_unstable();
    found.dedup();
    found
}

fn units(view: &View, add: &mut Add<'_>) {
    let names: Vec<&str> = view
        .entries("systemd", "units")
        .filter_map(|(_, unit)| unit["name"].as_str())
        .collect();
    for (path, entry) in view.entries("systemd", "units") {
        let name = entry["name"].as_str().unwrap_or_default();
        let contents = entry["contents"].as_str().unwrap_or_default();
        if entry["enabled"] != true || contents.is_empty() {
            continue;
        }
        let dropins = list(&entry["dropins"]).filter_map(|dropin| dropin["contents"].as_str());
        let installed = unit::installs(contents) || dropins.into_iter().any(unit::installs);
        let timer = name
            .strip_suffix(".service")
            .map(|stem| format!("{stem}.timer"));
        let timer = timer.filter(|timer| names.contains(&timer.as_str()));
        if !installed {
            let instead = timer.map_or_else(String::new, |timer| {
                format!("; `{timer}` is what should be enabled")
            });
            let detail = format!(
                "`{name}` is enabled, but its [Install] says nothing, so it will not start{instead}"
            );
            add(Lint::UnitWithoutInstall, format!("{path}.enabled"), detail);
        }
    }
}
