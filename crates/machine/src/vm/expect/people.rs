//! `passwd`: users, groups, keys.

use serde_json::Value;

use super::expectation::{Check, List, Question, sha256, text};
use crate::ignition::view::list;

pub(super) fn add(config: &Value, out: &mut List) {
    for user in list(&config["passwd"]["users"]) {
        add_user(user, out);
    }
    for group in list(&config["passwd"]["groups"]) {
        let question = Question::about("group", &[text(group, "name")]);
        if group["shouldExist"] == false {
            out.add(&question, "exists", Check::Is("exists", "no".to_owned()));
            continue;
        }
        out.add(&question, "exists", Check::Is("exists", "yes".to_owned()));
        if let Some(gid) = group["gid"].as_i64() {
            out.add(&question, "id", Check::Is("gid", gid.to_string()));
        }
    }
}

fn add_user(user: &Value, out: &mut List) {
    let question = Question::about("user", &[text(user, "name")]);
    if user["shouldExist"] == false {
        out.add(&question, "exists", Check::Is("exists", "no".to_owned()));
        return;
    }
    out.add(&question, "exists", Check::Is("exists", "yes".to_owned()));
    if let Some(uid) = user["uid"].as_i64() {
        out.add(&question, "id", Check::Is("uid", uid.to_string()));
    }
    for (key, field) in [
        ("homeDir", "home"),
        ("shell", "shell"),
        ("gecos", "gecos"),
        ("primaryGroup", "group"),
    ] {
        if let Some(value) = user[key].as_str().filter(|value| !value.is_empty()) {
            out.add(&question, key, Check::Is(field, value.to_owned()));
        }
    }
    for group in list(&user["groups"]).filter_map(Value::as_str) {
        let aspect = format!("in {group}");
        out.add(
            &question,
            &aspect,
            Check::Contains("groups", group.to_owned()),
        );
    }
    for key in list(&user["sshAuthorizedKeys"]).filter_map(Value::as_str) {
        let aspect = format!("key {}", key_name(key));
        // Keys are compared by hash: a comment may hold anything.
        let hash = sha256(key.trim().as_bytes());
        out.add(&question, &aspect, Check::Contains("keys", hash));
    }
    if let Some(hash) = user["passwordHash"].as_str().filter(|h| !h.is_empty()) {
        // The hash itself is not for a log.
        let digest = sha256(hash.as_bytes());
        out.add(&question, "password", Check::Digest("password", digest));
    }
}

/// A key as people know it: by its comment, or its end.
fn key_name(key: &str) -> String {
    let mut words = key.split_whitespace().skip_while(|word| {
        !(word.starts_with("ssh-") || word.starts_with("ecdsa-") || word.starts_with("sk-"))
    });
    let (kind, blob) = (words.next(), words.next().unwrap_or_default());
    let comment: Vec<&str> = words.collect();
    let comment = host::one_line(&comment.join(" "));
    let kind = kind.unwrap_or("of an unknown form");
    if comment.is_empty() {
        let skip = blob.chars().count().saturating_sub(8);
        let end: String = blob.chars().skip(skip).collect();
        return format!("{kind} …{end}");
    }
    format!("{kind} {comment}")
}
