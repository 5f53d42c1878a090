//! The `run:` lines: each is one `cargo xtask …` that a person could type, in
//! our own grammar, whatever the inputs are.

use clap::Parser as _;
use clap::error::ErrorKind;
use custom_coreos::cli::Cli;
use serde_json::{Map, Value, json};
use xshell::{Shell, cmd};

use crate::expressions::{Scope, filled, string};

/// What somebody may type where a workflow asks for a text.
const HOSTILE: [&str; 10] = [
    "no",
    "a broken tailscale",
    "",
    " ",
    "--publish",
    "-o",
    "$(touch owned) `id`",
    "\"; cargo publish; \"",
    "two\nlines",
    "$HOME/* ~ \\",
];

/// What the outputs of jobs and steps look like.
const SAMPLES: [(&str, &str); 4] = [
    ("build", "true"),
    ("digest", DIGEST),
    ("image", "ghcr.io/someone/custom-coreos"),
    ("several", "false"),
];
const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// As it stands there.
    Plain(String),
    /// The value of a variable, which the shell leaves as it is.
    Variable(String),
}

/// The words of a line. The shell's grammar is not for workflows, but for one
/// thing: `"$NAME"`, in double quotes.
///
/// # Errors
/// Advice.
pub fn words(line: &str) -> Result<Vec<Vec<Piece>>, &'static str> {
    const ADVICE: &str = "type one command without the shell's grammar, but for \"$NAME\"";
    let mut words = vec![Vec::new()];
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let word = words.last_mut().ok_or(ADVICE)?;
        if first == ' ' {
            words.push(Vec::new());
            rest = rest.trim_start_matches(' ');
        } else if let Some(after) = rest.strip_prefix('"') {
            let (quoted, after) = after.split_once('"').ok_or(ADVICE)?;
            word.extend(pieces(quoted).ok_or(ADVICE)?);
            rest = after;
        } else {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:".contains(c);
            let end = rest.find(|c| !plain(c)).unwrap_or(rest.len());
            if end == 0 {
                return Err(ADVICE);
            }
            word.push(Piece::Plain(rest[..end].to_owned()));
            rest = &rest[end..];
        }
    }
    Ok(words)
}

/// What stands between double quotes: names of variables, and signs that mean
/// nothing there.
fn pieces(quoted: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut parts = quoted.split('$');
    let plain = |text: &str| {
        text.chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_=./:@".contains(c))
    };
    let before = parts.next()?;
    if !before.is_empty() {
        pieces.push(Piece::Plain(before.to_owned()));
    }
    for part in parts {
        let name = |c: char| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit();
        let end = part.find(|c| !name(c)).unwrap_or(part.len());
        let (name, after) = part.split_at(end);
        if name.is_empty() || after.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return None;
        }
        pieces.push(Piece::Variable(name.to_owned()));
        if !after.is_empty() {
            pieces.push(Piece::Plain(after.to_owned()));
        }
    }
    let good = pieces
        .iter()
        .all(|piece| !matches!(piece, Piece::Plain(text) if !plain(text)));
    good.then_some(pieces)
}

/// The variables that a line uses.
pub fn variables(words: &[Vec<Piece>]) -> Vec<&str> {
    words
        .iter()
        .flatten()
        .filter_map(|piece| match piece {
            Piece::Variable(name) => Some(name.as_str()),
            Piece::Plain(_) => None,
        })
        .collect()
}

/// A start of a workflow, with what a person gave.
#[derive(Debug, Clone)]
pub struct Moment {
    /// What a person typed as they liked.
    free: Vec<String>,
    contexts: Value,
}

/// Every start that a workflow can have.
pub fn moments(workflow: &Value) -> Vec<Moment> {
    let mut moments = Vec::new();
    let events: Vec<(String, Value)> = match &workflow["on"] {
        Value::String(name) => vec![(name.clone(), Value::Null)],
        Value::Array(names) => names
            .iter()
            .map(|name| (string(name), Value::Null))
            .collect(),
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        _ => Vec::new(),
    };
    for (event, settings) in events {
        for (inputs, free) in inputs(&settings["inputs"]) {
            for status in ["success", "failure", "cancelled"] {
                moments.push(Moment {
                    free: free.clone(),
                    contexts: contexts(workflow, &event, &inputs, status),
                });
            }
        }
    }
    moments
}

/// Every combination of inputs; null if nobody was asked.
fn inputs(declared: &Value) -> Vec<(Value, Vec<String>)> {
    let Some(declared) = declared.as_object() else {
        return vec![(Value::Null, Vec::new())];
    };
    let mut all = vec![(json!({}), Vec::new())];
    for (name, input) in declared {
        let values: Vec<Value> = match input["type"].as_str() {
            Some("boolean") => vec![json!(true), json!(false)],
            Some("choice") => input["options"].as_array().cloned().unwrap_or_default(),
            _ => HOSTILE.map(|text| json!(text)).to_vec(),
        };
        let free = !matches!(input["type"].as_str(), Some("boolean" | "choice"));
        all = all
            .iter()
            .flat_map(|(sofar, typed)| {
                values.iter().map(move |value| {
                    let mut one = sofar.clone();
                    one[name] = value.clone();
                    let more = free.then(|| string(value));
                    (one, typed.iter().cloned().chain(more).collect())
                })
            })
            .collect();
    }
    all
}

fn contexts(workflow: &Value, event: &str, inputs: &Value, status: &str) -> Value {
    let samples: Map<String, Value> = SAMPLES
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    let outputs = json!({"outputs": samples, "result": "success"});
    let mut needs = Map::new();
    let mut steps = Map::new();
    for (name, job) in workflow["jobs"].as_object().into_iter().flatten() {
        needs.insert(name.clone(), outputs.clone());
        for step in job["steps"].as_array().into_iter().flatten() {
            if let Some(id) = step["id"].as_str() {
                steps.insert(id.to_owned(), outputs.clone());
            }
        }
    }
    json!({
        "github": {"event_name": event, "token": "a-secret", "ref": "refs/heads/main"},
        "inputs": inputs,
        "job": {"status": status},
        "matrix": {"arch": "x86_64", "image": "nas", "runner": "ubuntu-24.04"},
        "needs": needs,
        "secrets": {"COSIGN_PRIVATE_KEY": "a-secret", "COSIGN_PASSWORD": "a-secret"},
        "steps": steps,
    })
}

/// The words of a line at one moment, with the values of `env`.
///
/// # Errors
/// Expressions that are not understood, or variables that are not there.
pub fn said(words: &[Vec<Piece>], env: &Value, moment: &Moment) -> Result<Vec<String>, String> {
    let piece = |piece: &Piece| match piece {
        Piece::Plain(text) => Ok(text.clone()),
        Piece::Variable(name) => value(name, env, moment),
    };
    let word = |word: &Vec<Piece>| word.iter().map(piece).collect::<Result<String, String>>();
    words.iter().map(word).collect()
}

fn value(name: &str, env: &Value, moment: &Moment) -> Result<String, String> {
    let text = env
        .get(name)
        .ok_or_else(|| format!("${name} is not in `env:`"))?;
    let scope = Scope {
        contexts: &moment.contexts,
        call: &|_, _| None,
    };
    filled(&string(text), scope).map(|value| string(&value))
}

/// What is wrong with the line of a step. `env` is the step's own.
pub fn wrong(run: &str, env: &Value, moments: &[Moment]) -> Option<String> {
    let line = run.trim_end();
    let advice = |text: &str| Some(format!("`{line}`: {text}"));
    if line.contains('\n') {
        return advice("type one line in each `run:`");
    }
    if line.contains("${{") || line.contains("secrets.") {
        return advice(
            "hand values over in `env:`: the runner would put them into the shell's text",
        );
    }
    if !line.starts_with("cargo xtask ") {
        return advice("type `cargo xtask …`: what CI does, a laptop can do");
    }
    let words = match words(line) {
        Ok(words) => words,
        Err(text) => return advice(text),
    };
    for name in variables(&words) {
        let text = env.get(name).map(string).unwrap_or_default();
        if text.contains("secrets.") || text.contains("github.token") {
            return advice(&format!(
                "${name} is a secret: everybody sees a command line"
            ));
        }
    }
    moments.iter().find_map(|moment| {
        let said = match said(&words, env, moment) {
            Ok(said) => said,
            Err(text) => return advice(&text),
        };
        let typed = variables(&words)
            .iter()
            .any(|name| value(name, env, moment).is_ok_and(|value| moment.free.contains(&value)));
        // The first two words are one name to clap.
        match Cli::try_parse_from(&said[1..]) {
            Ok(cli) if cli.task.is_some() => None,
            Ok(_) => advice("name a task"),
            // A text that is refused as a value is refused; one that becomes an
            // option or another word would be an error of another kind.
            Err(error)
                if typed
                    && matches!(
                        error.kind(),
                        ErrorKind::ValueValidation | ErrorKind::InvalidValue
                    ) =>
            {
                None
            }
            Err(error) => advice(&format!("{said:?}: {error}")),
        }
    })
}

#[test]
fn bash_reads_a_line_as_we_do() {
    let sh = Shell::new().unwrap();
    let dir = sh.create_temp_dir().unwrap();
    let cargo = dir.path().join("cargo");
    sh.write_file(&cargo, "#!/bin/bash\nprintf '%s\\0' cargo \"$@\"\n")
        .unwrap();
    cmd!(sh, "chmod +x {cargo}").quiet().run().unwrap();
    let path = format!("{}:/usr/bin:/bin", dir.path().display());
    let mut seen = 0;
    for (name, workflow) in super::documents() {
        let moments = moments(&workflow);
        for (_, step) in super::steps(&workflow) {
            let Some(run) = step["run"].as_str() else {
                continue;
            };
            let words = words(run.trim_end()).unwrap();
            let mut before = Vec::new();
            for moment in &moments {
                let ours = said(&words, &step["env"], moment).unwrap();
                if ours == before {
                    continue;
                }
                before.clone_from(&ours);
                seen += 1;
                let folder = dir.path();
                let mut call = cmd!(sh, "bash --noprofile --norc -eo pipefail -c {run}")
                    .quiet()
                    .env_remove("BASH_ENV")
                    .env("PATH", &path);
                for variable in variables(&words) {
                    call = call.env(variable, value(variable, &step["env"], moment).unwrap());
                }
                let _here = sh.push_dir(folder);
                let output = call.output().unwrap().stdout;
                let mut theirs: Vec<&str> = str::from_utf8(&output).unwrap().split('\0').collect();
                theirs.pop();
                assert_eq!(theirs, ours, "{name}: {run}");
            }
        }
    }
    assert!(seen > 30, "{seen}");
    assert!(!dir.path().join("owned").exists());
}

#[test]
fn only_quoted_variables_are_grammar() {
    let plain = |text: &str| Piece::Plain(text.to_owned());
    let variable = |name: &str| Piece::Variable(name.to_owned());
    assert_eq!(
        words("cargo --a=\"$A@$B_1\" x.json").unwrap(),
        [
            vec![plain("cargo")],
            vec![plain("--a="), variable("A"), plain("@"), variable("B_1")],
            vec![plain("x.json")],
        ]
    );
    for wrong in [
        "a $A",
        "a \"$A",
        "a \"$(b)\"",
        "a \"${A}\"",
        "a | b",
        "a > b",
        "a 'b'",
        "a; b",
        "a `b`",
        "a \"$a\"",
        "a *",
        "a \"b c\"",
        "a {b,c}",
        "a ~",
        "a \\b",
        "a #b",
    ] {
        assert!(words(wrong).is_err(), "{wrong}");
    }
}
