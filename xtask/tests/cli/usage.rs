//! What a person is told who has typed something wrong, or named a file that is none.

use serde_json::Value;

use super::support::Sandbox;

/// The one document on standard output.
#[track_caller]
fn document(sandbox: &Sandbox, words: &[&str], code: i32) -> Value {
    let outcome = sandbox.run(words);
    let text = outcome.stdout.clone();
    outcome.expect(code);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{words:?}: {error}: {text}"))
}

/// What is said on standard error, without progress.
#[track_caller]
fn said(sandbox: &Sandbox, words: &[&str], code: i32) -> String {
    let outcome = sandbox.run(words);
    let text = outcome.stderr.clone();
    outcome.expect(code);
    let at = text
        .find("error: ")
        .unwrap_or_else(|| panic!("{words:?}: {text}"));
    text[at..].trim_end().to_owned()
}

#[test]
fn a_wrong_line_is_a_sentence_a_tip_and_where_there_is_more() {
    let sandbox = Sandbox::new();
    for (line, expected) in [
        (
            "bild",
            "error: there is no task 'bild'\n  tip: did you mean 'build'?\n  \
             `cargo xtask --help` lists the tasks",
        ),
        (
            "keys nwe",
            "error: 'cargo xtask keys' has no task 'nwe'\n  tip: did you mean 'new'?\n  \
             `cargo xtask keys --help` says more",
        ),
        (
            "boot --limit soon",
            "error: invalid value 'soon' for '--limit <SECONDS>': wanted seconds as a whole number \
             from 10 to 86400, such as 600\n  `cargo xtask boot --help` says more",
        ),
        (
            "promote stable",
            "error: invalid value 'stable' for '<IMAGE>': `stable` is not an image; wanted it with \
             its registry, such as `ghcr.io/owner/name:stable`\n  \
             `cargo xtask promote --help` says more",
        ),
        (
            "retract sha256:xx",
            "error: `sha256:xx` is not a digest; wanted `sha256:` and 64 hexadecimal digits",
        ),
        (
            "rollback --to stable!",
            "error: `stable!` is not a tag; wanted up to 128 letters, digits, `_`, `.` and `-`",
        ),
        (
            "rollback --to nonsense",
            "error: ghcr.io/someone/custom-coreos:nonsense is not there; `cargo xtask status \
             --history` shows what was published",
        ),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(said(&sandbox, &words, 2), expected, "{line}");
    }
}

#[test]
fn a_file_that_is_something_else_is_named_with_its_place() {
    let sandbox = Sandbox::new();
    sandbox.write("text", "hello\n");
    sandbox.write("open", "{\n");
    sandbox.write("other", "{\"local\": {}}\n");
    let facts = "wanted the facts that `--save-facts` of this version writes";
    let lock = "wanted a lock, as `cargo xtask resolve -o` writes it";
    for (words, expected) in [
        (
            ["explain", "--facts", "text"],
            format!("error: text:1:1: this is not JSON; {facts}"),
        ),
        (
            ["versions", "--facts", "open"],
            format!("error: open: the file ends before its JSON does; {facts}"),
        ),
        (
            ["build", "--locked", "text"],
            format!("error: text:1:1: this is not JSON; {lock}"),
        ),
        (
            ["build", "--locked", "nowhere"],
            "error: cannot read nowhere: No such file or directory".to_owned(),
        ),
    ] {
        assert_eq!(said(&sandbox, &words, 2), expected);
    }
    let other = said(&sandbox, &["explain", "--facts", "other"], 2);
    assert!(
        other.ends_with(facts) && !other.contains("struct"),
        "{other}"
    );
    // What was saved for another stream answers another question.
    let save = ["versions", "--save-facts", "saved"];
    sandbox.run(&save).expect(0);
    let again = ["versions", "--facts", "saved"];
    sandbox.run(&again).expect(0);
    let text = sandbox.read("image.yaml");
    let next = text.replace("stream: stable", "stream: next");
    assert_ne!(next, text);
    sandbox.write("image.yaml", &next);
    let of_another = said(&sandbox, &again, 2);
    assert!(
        of_another.contains("of the stream `stable`, and image.yaml follows `next`"),
        "{of_another}"
    );
}

#[test]
fn a_problem_is_named_from_where_the_person_stands() {
    let sandbox = Sandbox::new();
    let text = sandbox.read("image.yaml") + "heal: {minutes: x}\n";
    sandbox.write("image.yaml", &text);
    let below = sandbox.path("containerfiles");
    for (folder, name) in [
        (sandbox.path("."), "image.yaml:"),
        (below, "../image.yaml:"),
    ] {
        let mut command = sandbox.command(&["config"]);
        let output = command.current_dir(folder).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.starts_with(&format!("error: {name}")), "{text}");
    }
}

#[test]
fn json_without_a_task_or_with_help_is_one_document() {
    let sandbox = Sandbox::new();
    // Too long to be shown.
    let all = document(&sandbox, &["--json"], 0);
    assert!(all == document(&sandbox, &["help", "--json"], 0));
    assert!(all == document(&sandbox, &["--json", "--help"], 0));
    assert!(all["tasks"].as_array().unwrap().len() > 20);
    let new = document(&sandbox, &["keys", "new", "--help", "--json"], 0);
    assert_eq!(new["name"], "new");
    let version = document(&sandbox, &["--json", "--version"], 0);
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    for words in [&["--json", "butane"][..], &["butane", "--json"]] {
        let error = document(&sandbox, words, 2);
        assert_eq!(error["exit-code"], 2);
        let text = error["error"].as_str().unwrap();
        assert!(text.contains("knows no --json"), "{text}");
    }
    let keys = document(&sandbox, &["keys", "--json"], 2);
    assert!(
        keys["error"]
            .as_str()
            .unwrap()
            .contains("needs one of its tasks")
    );
}

#[test]
fn the_address_of_a_webhook_is_in_no_output() {
    let sandbox = Sandbox::new();
    let webhook = "alarm:\n  webhook: \"https://ntfy.sh/hunter2\"\n";
    let text = sandbox.read("image.yaml").replace("alarm:\n", webhook);
    sandbox.write("image.yaml", &text);
    sandbox.run(&["config"]).expect(0);
    for words in [
        &["config"][..],
        &["config", "--json"],
        &["config", "-v"],
        &["doctor"],
        &["doctor", "--json"],
        &["status", "--json"],
        &["build", "--dry-run"],
        &["resolve", "--json"],
    ] {
        let outcome = sandbox.run(words);
        let all = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(!all.contains("hunter2"), "{words:?}: {all}");
    }
    let shown = sandbox.run(&["config"]);
    assert!(
        shown.stdout.contains("webhook: https://ntfy.sh/…"),
        "{}",
        shown.stdout
    );
    assert!(
        shown.stderr.contains("Warning alarm.webhook: "),
        "{}",
        shown.stderr
    );
}

#[test]
fn one_cause_is_told_once() {
    let sandbox = Sandbox::new();
    let text = sandbox.read("image.yaml");
    let nobody = |line: &str| match line.trim_start().split_once(": ") {
        Some((key @ ("github-api" | "fcos-builds"), _)) => format!("  {key}: http://127.0.0.1:1"),
        _ => line.to_owned(),
    };
    let lines: Vec<String> = text.lines().map(nobody).collect();
    sandbox.write("image.yaml", &lines.join("\n"));
    for words in [
        &["versions"][..],
        &["explain"],
        &["forecast"],
        &["check-zfs-available"],
        &["kernel-version"],
        &["status"],
    ] {
        let outcome = sandbox.run(words);
        let all = format!("{}{}", outcome.stdout, outcome.stderr);
        outcome.expect(3);
        let all = all.split_whitespace().collect::<Vec<_>>().join(" ");
        let causes = all.matches("Connection refused").count();
        assert_eq!(causes, 1, "{words:?}: {all}");
        assert!(all.contains("--facts FILE"), "{words:?}: {all}");
    }
    let error = document(&sandbox, &["explain", "--json"], 3);
    assert_eq!(error["exit-code"], 3);
}

/// Neither is about the file of this checkout.
#[test]
fn an_invalid_image_yaml_is_no_trouble_elsewhere() {
    let sandbox = Sandbox::new();
    sandbox.write("image.yaml", "image: [\n");
    sandbox.run(&["config"]).expect(2);
    let schema = document(&sandbox, &["config", "--schema"], 0);
    assert!(schema["properties"]["image"].is_object());
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUjxtppGBlvQnJrOLiNIxDso7Gi2gqOTVXgWRLIHny2 me";
    let new = sandbox.path("new").display().to_string();
    let init = ["init", &new, "--owner=me", "--host=nas", "--key", key];
    sandbox.run(&init).expect(0);
    let update = said(&sandbox, &["update"], 2);
    assert!(
        update.contains("was not made by `cargo xtask init`"),
        "{update}"
    );
}

#[test]
fn a_private_key_in_the_line_is_not_shown() {
    let sandbox = Sandbox::new();
    let body = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU";
    let key =
        format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----");
    for words in [
        vec!["init", "new", "--owner=me", "--host=nas", "--key", &key],
        vec!["init", "new", "--owner", &key],
        vec!["promote", &key],
    ] {
        let outcome = sandbox.run(&words);
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        let all = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(all.contains(".pub file"), "{all}");
        assert!(!all.contains("BEGIN") && !all.contains(body), "{all}");
    }
}
