//! `storage.files`, `directories` and `links`, and the host name.

use serde_json::Value;

use super::expectation::{Check, List, Question, sha256, text};
use crate::ignition::view::{Contents, decode, list};

pub(super) fn add(config: &Value, out: &mut List) {
    let storage = &config["storage"];
    for file in list(&storage["files"]) {
        add_file(file, out);
    }
    for folder in list(&storage["directories"]) {
        let question = Question::about("file", &[text(folder, "path"), "0"]);
        out.add(&question, "is", Check::Is("type", "directory".to_owned()));
        // One that is there already keeps its mode, so 0755 is no promise.
        mode(folder, None, &question, out);
        owner(folder, false, &question, out);
    }
    for link in list(&storage["links"]) {
        add_link(link, out);
    }
}

fn add_file(file: &Value, out: &mut List) {
    let path = text(file, "path");
    let written = file["contents"]["source"].is_string();
    let pieces: Vec<Contents> = list(&file["append"]).map(decode).collect();
    let appended = joined(&pieces);
    let tail = match &appended {
        Ok(bytes) if !written => bytes.len(),
        _ => 0,
    };
    let question = Question::about("file", &[path, &tail.to_string()]);
    out.add(&question, "is", Check::Is("type", "file".to_owned()));
    // Ignition's `DefaultFilePermissions`, for what it writes itself.
    mode(file, written.then_some(0o644), &question, out);
    owner(file, written, &question, out);
    let at = format!("storage.files {path}");
    let base = match (written, decode(&file["contents"])) {
        (false, _) => Ok(None),
        (true, Contents::Here(bytes)) => Ok(Some(bytes)),
        // `"source": ""`: written, and empty.
        (true, Contents::Nothing) => Ok(Some(Vec::new())),
        (true, Contents::Remote { url, .. }) => Err(url),
        (true, Contents::Unreadable) => Err("an unreadable data URL".to_owned()),
    };
    match (base, appended) {
        (Ok(Some(mut bytes)), Ok(more)) => {
            bytes.extend(more);
            let check = Check::Digest("sha256", sha256(&bytes));
            out.add(&question, "content", check);
            if path == "/etc/hostname" {
                let name = String::from_utf8_lossy(&bytes).trim().to_owned();
                let question = Question::about("host", &[]);
                out.add(&question, "name", Check::Is("name", name));
            }
        }
        (Ok(None), Ok(more)) if !more.is_empty() => {
            let check = Check::Digest("tail", sha256(&more));
            out.add(&question, "content at its end", check);
        }
        (Ok(None), Ok(_)) => {}
        (Err(url), Ok(more)) if more.is_empty() => {
            let hash = text(&file["contents"]["verification"], "hash");
            match hash.split_once('-') {
                // The hash is of what is fetched, before it is unpacked.
                Some(("sha256", hex)) if text(&file["contents"], "compression").is_empty() => {
                    let check = Check::Digest("sha256", hex.to_ascii_lowercase());
                    out.add(&question, "content", check);
                }
                _ => out.not_judged(&at, &format!("its content is fetched from {url}")),
            }
        }
        (Err(what), _) | (_, Err(what)) => {
            out.not_judged(&at, &format!("its content is fetched from {what}"));
        }
    }
}

/// All pieces, or what cannot be read of them.
fn joined(pieces: &[Contents]) -> Result<Vec<u8>, String> {
    let mut all = Vec::new();
    for piece in pieces {
        match piece {
            Contents::Here(bytes) => all.extend(bytes),
            Contents::Nothing => {}
            Contents::Remote { url, .. } => return Err(url.clone()),
            Contents::Unreadable => return Err("an unreadable data URL".to_owned()),
        }
    }
    Ok(all)
}

fn add_link(link: &Value, out: &mut List) {
    let target = text(link, "target");
    if link["hard"] == true {
        let question = Question::about("hardlink", &[text(link, "path"), target]);
        let check = Check::Is("same", "yes".to_owned());
        out.add(&question, &format!("is {target}"), check);
        return;
    }
    let question = Question::about("file", &[text(link, "path"), "0"]);
    out.add(&question, "is", Check::Is("type", "link".to_owned()));
    out.add(&question, "target", Check::Is("target", target.to_owned()));
    owner(link, true, &question, out);
}

fn mode(node: &Value, default: Option<u64>, question: &Question, out: &mut List) {
    if let Some(mode) = node["mode"].as_u64().or(default) {
        out.add(question, "mode", Check::Is("mode", format!("{mode:o}")));
    }
}

/// By name or by id, as the config has it; root where Ignition made the node.
fn owner(node: &Value, made: bool, question: &Question, out: &mut List) {
    for (key, by_name, by_id) in [("user", "user", "uid"), ("group", "group", "gid")] {
        let aspect = if key == "user" { "owner" } else { "group" };
        if let Some(id) = node[key]["id"].as_i64() {
            out.add(question, aspect, Check::Is(by_id, id.to_string()));
        } else if let Some(name) = node[key]["name"].as_str().filter(|n| !n.is_empty()) {
            out.add(question, aspect, Check::Is(by_name, name.to_owned()));
        } else if made {
            out.add(question, aspect, Check::Is(by_id, "0".to_owned()));
        }
    }
}
