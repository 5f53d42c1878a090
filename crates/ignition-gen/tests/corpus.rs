//! The recorded answers of the reference compiler.
//!
//! `cases.jsonl` holds the project's own inputs with the answers of the
//! reference (coreos/butane 0.29.0): of inputs that were recorded for several
//! versions with the same answer, the newest. Beside the workspace there may
//! be the whole corpus, with cases of other origins; it is run too.

#[path = "support/load.rs"]
mod load;
mod support;

use std::collections::HashMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use ignition_gen::command::{self, Outcome, Request};
use load::bytes;
use serde_json::Value;
use support::{Item, MemFiles, Tree};

struct Case {
    name: String,
    args: Vec<String>,
    butane: Vec<u8>,
    exit: u64,
    ignition: Vec<u8>,
    report: Vec<u8>,
    /// Not recorded for every case here, and not comparable for some.
    pretty: Option<Vec<u8>>,
    /// The reference prints these messages in random order.
    free: bool,
}

fn cases(text: &str) -> Vec<Case> {
    let parse = |line: &str| {
        let value: Value = serde_json::from_str(line).expect("valid JSON");
        let field = |name: &str| value.get(name).map(bytes).unwrap_or_default();
        let flag = |name: &str| value.get(name).and_then(Value::as_bool).unwrap_or(false);
        let args = value
            .get("args")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let free = flag("free") || flag("order_free");
        Case {
            name: value["name"].as_str().expect("a name").to_string(),
            args: args
                .map(|arg| arg.as_str().expect("a text").to_string())
                .collect(),
            butane: field("butane"),
            exit: value.get("exit").and_then(Value::as_u64).unwrap_or(0),
            ignition: field("ignition"),
            report: field("report"),
            pretty: value.get("pretty").filter(|_| !free).map(bytes),
            free,
        }
    };
    text.lines().map(parse).collect()
}

fn run(case: &Case, tree: &Tree, raw: bool) -> Outcome {
    let file = format!("{}.bu", case.name);
    let mut arguments: Vec<&str> = case.args.iter().map(String::as_str).collect();
    if raw {
        arguments.push("--raw-errors");
    }
    arguments.push(&file);
    let Ok(Request::Translate(invocation)) = command::parse(arguments) else {
        panic!("{}: the arguments are wrong", case.name);
    };
    let files = MemFiles {
        tree,
        name: invocation.files_dir.clone(),
    };
    invocation.run(&case.butane, &files, false)
}

fn sorted(text: &[u8]) -> Vec<String> {
    let mut lines: Vec<String> = String::from_utf8_lossy(text)
        .split('\n')
        .map(str::to_string)
        .collect();
    lines.sort();
    lines
}

/// What differs, level by level.
fn differences(case: &Case, tree: &Tree) -> Vec<&'static str> {
    let (raw, plain) = (run(case, tree, true), run(case, tree, false));
    let mut levels = Vec::new();
    if u64::from(raw.code) != case.exit {
        levels.push("exit");
    }
    if raw.output.unwrap_or_default().as_bytes() != case.ignition {
        levels.push("bytes");
    }
    if sorted(raw.messages.as_bytes()) != sorted(&case.report) {
        levels.push("messages");
    }
    if !case.free && raw.messages.as_bytes() != case.report {
        levels.push("raw");
    }
    if case
        .pretty
        .as_ref()
        .is_some_and(|pretty| plain.messages.as_bytes() != pretty)
    {
        levels.push("pretty");
    }
    levels
}

fn judge(cases: &[Case], tree: &Tree) -> HashMap<&'static str, Vec<String>> {
    let mut failed: HashMap<&'static str, Vec<String>> = HashMap::new();
    for case in cases {
        for level in differences(case, tree) {
            failed.entry(level).or_default().push(case.name.clone());
        }
    }
    failed
}

#[test]
fn own_cases() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let tree =
        load::described(&fs::read_to_string(directory.join("files.json")).expect("the files"));
    let cases = cases(&fs::read_to_string(directory.join("cases.jsonl")).expect("the cases"));
    assert!(cases.len() > 1000, "only {} cases", cases.len());
    let failed = judge(&cases, &tree);
    assert!(failed.is_empty(), "{failed:#?}");
}

/// Variants that this compiler refuses: of the operating systems that Butane
/// knows, this project makes configs for Fedora CoreOS alone.
const OTHER_SYSTEMS: [&str; 3] = [
    "own-variant-fiot",
    "own-variant-openshift",
    "own-variant-r4e",
];

/// The end of the names of seven cases (one for each version of the schema)
/// whose tree has a socket in it, which the reference refuses. An archive cannot
/// hold a socket, so a score that unpacks `files-dir.tar.gz` to a disk sees a tree
/// without one, translated without an error; here the socket is put back.
const TREE_WITH_A_SOCKET: &str = "-TranslateTree-006";

#[test]
fn whole_corpus() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/butane");
    let (Ok(text), Ok(packed)) = (
        fs::read_to_string(shared.join("cases.jsonl")),
        fs::read(shared.join("files-dir.tar.gz")),
    ) else {
        return;
    };
    let mut archive = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice())
        .read_to_end(&mut archive)
        .expect("a valid archive");
    let mut tree = load::unpacked(&archive);
    // Archives cannot hold sockets; these directories had one.
    let lost: Vec<String> = tree
        .keys()
        .filter(|path| path.ends_with(&format!("{TREE_WITH_A_SOCKET}/tree")))
        .map(|path| format!("{path}/socket"))
        .collect();
    tree.extend(lost.into_iter().map(|path| (path, Item::Other)));
    let mut cases = cases(&text);
    let of_another = |case: &Case| OTHER_SYSTEMS.contains(&case.name.as_str());
    // The failures that `butane-score` counts, and no others.
    let expected = cases
        .iter()
        .filter(|case| of_another(case) || case.name.ends_with(TREE_WITH_A_SOCKET));
    assert_eq!((expected.count(), cases.len()), (10, 4361));
    cases.retain(|case| !of_another(case));
    let failed = judge(&cases, &tree);
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn a_wrong_answer_is_noticed() {
    let mut case =
        cases(r#"{"name":"x","butane":"variant: fcos\nversion: 1.7.0\nfoo: 1\n"}"#).remove(0);
    case.pretty = Some(Vec::new());
    assert_eq!(
        differences(&case, &Tree::new()),
        ["bytes", "messages", "raw", "pretty"]
    );
}
