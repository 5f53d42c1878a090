//! The same workflows, run by a runner that nobody here wrote: `act`, in its host
//! mode, where a step is a process of this machine. Its expressions, conditions,
//! matrices, outputs and job results are its own; only the actions of others have
//! stand-ins here, because theirs need GitHub. The program is not compiled for it:
//! what the cache saves is looked at by the other runner.
//! Source: <https://nektosact.com/>.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use xshell::{Shell, cmd};

use super::around::{OWNER, TOKEN, login};
use super::fixture::Fixture;
use super::github::PROJECT;
use super::runner::{Event, Run, said_by};
use super::typed;

/// The program, if it is here.
pub fn program() -> Option<PathBuf> {
    super::tools::program("act")
}

/// The stand-ins of the actions, each with the inputs that our workflows give it. What
/// one has to tell goes into the file `done`.
fn actions(fixture: &Fixture) -> Vec<(&'static str, &'static str, String)> {
    let place = |name: &str| fixture.path(name).display().to_string();
    let (done, artifacts) = (place("done"), place("artifacts"));
    let registry = fixture.config.image.registry.as_str();
    let docker = place("home/.docker");
    let login = login(&fixture.registry);
    let (conf, auth) = (place("registries.conf"), place("auth.json"));
    let of = format!(
        "skopeo --registries-conf {conf} inspect --no-tags --authfile {auth} --format '{{{{.Digest}}}}'"
    );
    vec![
        // `act` brings the checkout itself.
        ("actions/checkout", "persist-credentials", String::new()),
        (
            "actions/cache",
            "path key restore-keys",
            format!(
                "[[ $KEY == *-Linux-X64-* || $KEY == *-Linux-ARM64-* || $KEY == stages-* ]]\necho \"cache $KEY\" >>{done}"
            ),
        ),
        (
            "docker/login-action",
            "registry username password",
            format!(
                "[[ $REGISTRY == {registry} && $USERNAME == {OWNER} && $PASSWORD == {TOKEN} ]]\n\
                 mkdir -p {docker}\n\
                 cat >{docker}/config.json <<'END'\n{login}\nEND"
            ),
        ),
        (
            "actions/upload-artifact",
            "name path if-no-files-found retention-days overwrite",
            format!(
                "files=($PATH_)\n\
                 [[ -f ${{files[0]}} ]] || {{ [[ $IF_NO_FILES_FOUND == ignore ]]; exit; }}\n\
                 mkdir -p {artifacts}/$NAME\n\
                 cp \"${{files[@]}}\" {artifacts}/$NAME/"
            ),
        ),
        // A site without these is none.
        (
            "actions/upload-pages-artifact",
            "path",
            format!(
                "cd $PATH_ && [[ -s index.html && -s book/index.html ]]\necho \"site of $(find . -name '*.html' | wc -l) pages\" >>{done}"
            ),
        ),
        (
            "actions/deploy-pages",
            "",
            format!("echo deployed >>{done}"),
        ),
        (
            "actions/download-artifact",
            "name pattern path merge-multiple",
            format!(
                "[[ -n $NAME || $MERGE_MULTIPLE == true ]]\n\
                 shopt -s nullglob\n\
                 mkdir -p \"${{PATH_:-.}}\"\n\
                 for file in {artifacts}/${{NAME:-$PATTERN}}/*; do cp \"$file\" \"${{PATH_:-.}}/\"; done"
            ),
        ),
        // Only an image that is there is attested, by the very digest, and before
        // anybody follows it.
        (
            "actions/attest",
            "subject-name subject-digest push-to-registry create-storage-record",
            format!(
                "[[ $PUSH_TO_REGISTRY == true && $CREATE_STORAGE_RECORD == false ]]\n\
                 [[ $({of} docker://$SUBJECT_NAME:candidate) == \"$SUBJECT_DIGEST\" ]]\n\
                 ! [[ $({of} docker://$SUBJECT_NAME:stable) == \"$SUBJECT_DIGEST\" ]]\n\
                 echo \"attested $SUBJECT_DIGEST\" >>{done}"
            ),
        ),
    ]
}

/// `NAME` of `name`, as a variable of the script. `PATH` has a meaning already.
fn variable(input: &str) -> String {
    match input {
        "path" => "PATH_".to_owned(),
        other => other.to_uppercase().replace('-', "_"),
    }
}

/// Writes them, and gives `owner/name` with the folder of each.
fn stand_ins(fixture: &Fixture, sh: &Shell) -> BTreeMap<&'static str, PathBuf> {
    let mut folders = BTreeMap::new();
    for (name, inputs, script) in actions(fixture) {
        let folder = fixture.path("actions").join(name);
        let inputs: Vec<&str> = inputs.split_whitespace().collect();
        let env: BTreeMap<String, String> = inputs
            .iter()
            .map(|input| (variable(input), format!("${{{{ inputs.{input} }}}}")))
            .collect();
        let script = format!("set -euo pipefail\n{script}\n");
        let action = serde_json::json!({
            "name": name,
            "inputs": inputs.iter().map(|input| (*input, serde_json::json!({"description": input, "required": false}))).collect::<BTreeMap<_, _>>(),
            "runs": {"using": "composite", "steps": [{"shell": "bash", "run": script, "env": env}]},
        });
        sh.write_file(folder.join("action.yaml"), action.to_string())
            .unwrap();
        folders.insert(name, folder);
    }
    folders
}

/// Each `owner/name@commit` that a workflow and the fork's own action use.
fn used(fixture: &Fixture, sh: &Shell, workflow: &str) -> Vec<String> {
    sh.change_dir(&fixture.origin);
    let files = [workflow, ".github/actions"];
    let lines = cmd!(sh, "git grep -h uses: -- {files...}")
        .quiet()
        .read()
        .unwrap();
    let mut used: Vec<String> = lines
        .lines()
        .filter_map(|line| line.split_once("uses: "))
        .filter_map(|(_, rest)| rest.split(' ').next())
        .filter(|action| action.contains('@'))
        .map(str::to_owned)
        .collect();
    used.sort();
    used.dedup();
    used
}

/// Runs a workflow of the fork.
pub fn run(fixture: &Fixture, workflow: &str, number: u32, event: &Event) -> Run {
    run_at(fixture, (workflow, &[]), number, event)
}

/// The same at another forge, whose runner sets these variables.
pub fn run_at(
    fixture: &Fixture,
    (workflow, forge): (&str, &[(&str, String)]),
    number: u32,
    event: &Event,
) -> Run {
    let sh = Shell::new().unwrap();
    let act = program().unwrap();
    let folders = stand_ins(fixture, &sh);
    let bin = typed::cargo(fixture, forge);
    sh.write_file(fixture.path("done"), "").unwrap();
    let path = format!(".github/workflows/{workflow}");
    let mut command = Command::new(act);
    command
        .arg(event.name)
        .args(["--workflows", &path])
        .args(["--json", "--actor", OWNER, "--remote-name", "origin"])
        // Steps are processes here, on "machines" of each architecture.
        .args(["--platform", "ubuntu-24.04=-self-hosted"])
        .args(["--platform", "ubuntu-24.04-arm=-self-hosted"]);
    for action in used(fixture, &sh, &path) {
        let name = action.split('@').next().unwrap();
        let Some(folder) = folders.get(name) else {
            panic!("no stand-in for {name}");
        };
        command.arg("--local-repository");
        command.arg(format!("{action}={}", folder.display()));
    }
    for (name, value) in event.inputs.as_object().into_iter().flatten() {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        command.arg("--input").arg(format!("{name}={value}"));
    }
    // Without a value it is read from the environment: no secret is in an argument.
    for secret in ["GITHUB_TOKEN", "COSIGN_PRIVATE_KEY", "COSIGN_PASSWORD"] {
        command.args(["--secret", secret]);
    }
    let mut machine: BTreeMap<String, String> = fixture.machine().into_iter().collect();
    let path = machine.remove("PATH").unwrap_or_default();
    let path = format!("{bin}:{path}");
    machine.insert("PATH".to_owned(), path);
    machine.insert("GITHUB_RUN_ID".to_owned(), number.to_string());
    for (name, value) in &machine {
        command.arg("--env").arg(format!("{name}={value}"));
    }
    command
        .current_dir(&fixture.origin)
        .env_clear()
        .envs(&machine)
        .env("XDG_CACHE_HOME", fixture.path("act"))
        .env("GITHUB_TOKEN", TOKEN);
    let said = said_by(fixture, &mut command);
    judged(fixture, workflow, &said)
}

/// What `act` reports, in the words of the other runner. A job of which it says nothing
/// was skipped.
fn judged(fixture: &Fixture, workflow: &str, said: &str) -> Run {
    let file = fixture.origin.join(".github/workflows").join(workflow);
    let document: Value = serde_yaml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let jobs = document["jobs"].as_object().unwrap().keys();
    let mut run = Run {
        results: jobs
            .map(|job| (job.clone(), "skipped".to_owned()))
            .collect(),
        ..Run::default()
    };
    for line in said.lines() {
        let Ok(event) = serde_json::from_str::<Value>(line) else {
            run.log.push_str(&format!("{line}\n"));
            continue;
        };
        let text = |name: &str| event[name].as_str().unwrap_or_default();
        if text("command") == "summary" {
            run.summary.push_str(text("content"));
        }
        if !text("jobResult").is_empty() {
            let result = run.results.entry(text("jobID").to_owned()).or_default();
            // One bad one of a matrix makes it bad.
            if result != "failure" {
                text("jobResult").clone_into(result);
            }
        }
        run.log.push_str(text("msg").trim_end_matches('\n'));
        run.log.push('\n');
    }
    let done = std::fs::read_to_string(fixture.path("done")).unwrap();
    run.done = done.lines().map(str::to_owned).collect();
    run.typed = typed::read(fixture);
    run
}

/// Gives the fork's folder the remote that names its repository.
pub fn remote(fixture: &Fixture, host: &str) {
    let sh = Shell::new().unwrap();
    sh.change_dir(&fixture.origin);
    let url = format!("https://{host}/{OWNER}/{PROJECT}.git");
    cmd!(sh, "git config remote.origin.url {url}")
        .quiet()
        .run()
        .unwrap();
}
