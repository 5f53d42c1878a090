//! The header of an encrypted disk, as `cryptsetup luksDump
//! --dump-json-metadata` prints it, and the clevis tokens in it.
//!
//! A token holds a JWE whose protected header names the pin; of the pin `sss`
//! it holds the JWEs of the pins inside, each in compact form. Sources: LUKS2
//! on-disk format specification, chapter 3; clevis-luks-bind(1); RFC 7516.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::comparison::{Comparison, SILENT};
use crate::ignition::view::list;
use crate::vm::expect::ClevisPins;

/// How many shares may be inside one another.
const DEPTH: usize = 4;

/// ClevisPins of one header, as they can be read without opening it.
#[derive(Debug, Default)]
struct Found {
    tpm2: bool,
    /// Registers that the TPM has to show.
    pcrs: Vec<String>,
    tang: Vec<String>,
    threshold: u64,
    others: Vec<String>,
}

impl Found {
    fn words(&self) -> String {
        let mut words = Vec::new();
        if self.tpm2 {
            words.push("tpm2".to_owned());
        }
        if !self.pcrs.is_empty() {
            words.push(format!("PCR {}", self.pcrs.join(",")));
        }
        words.extend(self.tang.iter().map(|url| format!("tang {url}")));
        words.extend(self.others.iter().cloned());
        if words.is_empty() {
            return "no clevis token".to_owned();
        }
        words.join(", ")
    }
}

pub(super) fn clevis(pins: &ClevisPins, header: Option<&str>) -> Comparison {
    let mut expected = Vec::new();
    if pins.tpm2 {
        expected.push("tpm2".to_owned());
    }
    expected.extend(pins.tang.iter().map(|url| format!("tang {url}")));
    let expected = expected.join(", ");
    let Some(header) = header.and_then(parse) else {
        return Comparison::new(expected, "no readable LUKS2 header", false);
    };
    let mut found = Found::default();
    for token in tokens(&header) {
        read(&token["jwe"], &mut found, DEPTH);
    }
    let same = |a: &[String], b: &[String]| {
        let sorted = |list: &[String]| {
            let mut list = list.to_vec();
            list.sort();
            list
        };
        sorted(a) == sorted(b)
    };
    // A bare pin has no threshold; one share is as good as that.
    let enough = found.threshold.max(1) == pins.threshold.max(1);
    let holds = found.tpm2 == pins.tpm2
        && found.others.is_empty()
        && found.pcrs.is_empty()
        && same(&found.tang, &pins.tang)
        && enough;
    let mut words = found.words();
    if !enough {
        words.push_str(&format!(", threshold {}", found.threshold));
    }
    Comparison::new(expected, words, holds)
}

/// Nobody was there to answer, and it is open: then the one way in was the
/// token's.
pub(super) fn opened(header: Option<&str>, device: Option<&str>, on: Option<&str>) -> Comparison {
    let expected = "open, by the clevis token alone";
    let Some(header) = header.and_then(parse) else {
        return Comparison::new(expected, "no readable LUKS2 header", false);
    };
    if on.is_none() || on != device {
        return Comparison::new(expected, "not open", false);
    }
    let mut slots: Vec<&String> = header["keyslots"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(slot, _)| slot)
        .collect();
    if slots.is_empty() {
        return Comparison::new(expected, SILENT, false);
    }
    for token in tokens(&header) {
        for slot in list(&token["keyslots"]).filter_map(Value::as_str) {
            slots.retain(|other| *other != slot);
        }
    }
    if slots.is_empty() {
        return Comparison::new(expected, "open, and nothing else opens it", true);
    }
    let others: Vec<&str> = slots.iter().map(|slot| slot.as_str()).collect();
    let others = others.join(", ");
    Comparison::unknown(expected, format!("open; slot {others} opens it, too"))
}

fn parse(header: &str) -> Option<Value> {
    serde_json::from_str(header).ok()
}

fn tokens(header: &Value) -> impl Iterator<Item = &Value> {
    let tokens = header["tokens"].as_object().into_iter().flatten();
    tokens
        .map(|(_, token)| token)
        .filter(|token| token["type"] == "clevis")
}

fn read(jwe: &Value, found: &mut Found, depth: usize) {
    // In the token it is JSON; inside a share, five parts with dots between.
    let protected = match jwe {
        Value::String(text) => text.split('.').next().unwrap_or_default(),
        other => other["protected"].as_str().unwrap_or_default(),
    };
    let decoded = URL_SAFE_NO_PAD.decode(protected).ok();
    let decoded = decoded.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let Some(clevis) = decoded.as_ref().map(|value| &value["clevis"]) else {
        found.others.push("an unreadable token".to_owned());
        return;
    };
    match clevis["pin"].as_str().unwrap_or_default() {
        "tpm2" => {
            found.tpm2 = true;
            let pcrs = clevis["tpm2"]["pcr_ids"].as_str().unwrap_or_default();
            let pcrs = pcrs.split(',').filter(|id| !id.is_empty());
            found.pcrs.extend(pcrs.map(str::to_owned));
        }
        "tang" => {
            let url = clevis["tang"]["url"].as_str().unwrap_or_default();
            found.tang.push(url.to_owned());
        }
        "sss" if depth > 0 => {
            found.threshold = clevis["sss"]["t"].as_u64().unwrap_or(1);
            for share in list(&clevis["sss"]["jwe"]) {
                read(share, found, depth - 1);
            }
        }
        other => found.others.push(format!("pin `{other}`")),
    }
}
