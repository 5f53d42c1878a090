//! Completions of the shell for `cargo xtask …`, and for the program by its own name.
//!
//! The scripts are clap's, with values filled in that only this checkout knows: the
//! images, tags and streams of `image.yaml`, the workflows, the machines. They are
//! those of the moment at which the script is made.
//!
//! `cargo` has completions of its own, which must go on working. So each shell is told
//! in its own way what comes after `cargo xtask`: bash by a function in front of
//! cargo's, which it loads first where bash-completion would have loaded it only when
//! nothing else completes `cargo`; zsh by the name `_cargo-xtask`, which its `_cargo`
//! calls for a sub-command that it does not know, and which must therefore be the name of
//! the file; fish by more lines for the same command, in a folder that it reads at its
//! start: what lies in `completions/xtask.fish` is read for the command `xtask` alone,
//! and a `completions/cargo.fish` would take the place of cargo's own.

use std::path::Path;

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, ValueHint};
use clap_complete::generate;
use clap_complete::shells::{Bash, Fish, Zsh};
use image_config::{Images, OneImage};

use crate::args::Shell;

/// What only a checkout knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Values {
    /// What image.yaml calls its images.
    pub names: Vec<String>,
    /// The published images by name and tag.
    pub images: Vec<String>,
    /// Their tags alone.
    pub tags: Vec<String>,
    /// Fedora CoreOS's streams.
    pub streams: Vec<String>,
    /// The workflows, without `.yaml`.
    pub workflows: Vec<String>,
    /// The machines below `ignition/`, without `.bu`.
    pub machines: Vec<String>,
}

impl Values {
    /// Those of a checkout. Without a valid `image.yaml` its part is empty: what
    /// completes must not be the first to complain.
    pub fn of(root: &Path, images: Option<&Images>) -> Self {
        let mut values = Self {
            streams: ["stable", "testing", "next"].map(str::to_owned).to_vec(),
            workflows: names(&root.join(".github/workflows"), "yaml"),
            ..Self::default()
        };
        let add = |all: &mut Vec<String>, text: String| {
            if !all.contains(&text) {
                all.push(text);
            }
        };
        for OneImage { name, config } in images.into_iter().flat_map(Images::iter) {
            values.names.push(name.clone());
            for tag in config.image.tags.iter() {
                add(&mut values.tags, tag.to_string());
                if let Ok(repository) = config.repository() {
                    add(&mut values.images, format!("{repository}:{tag}"));
                }
            }
            let sources = root.join(config.ignition.sources.as_str());
            for machine in names(&sources, "bu") {
                add(&mut values.machines, machine);
            }
            for example in names(&sources.join("examples"), "bu") {
                add(&mut values.machines, format!("examples/{example}"));
            }
        }
        values
    }

    /// The values of an option or argument, by the word that its help has for it;
    /// `None` where anything may stand.
    fn of_word(&self, task: &str, word: &str) -> Option<&[String]> {
        let values = match (task, word) {
            (_, "IMAGE" | "BEFORE" | "AFTER" | "PUBLISHED") => &self.images,
            (_, "TAG|DIGEST" | "TAG") => &self.tags,
            (_, "STREAM") => &self.streams,
            ("status", "NAME") => &self.workflows,
            ("ignition" | "vm", "NAME") => &self.machines,
            _ => return None,
        };
        (!values.is_empty()).then_some(values)
    }
}

/// The names of the files of one kind in a folder, in order.
fn names(folder: &Path, kind: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let (name, end) = name.rsplit_once('.')?;
            (end == kind).then(|| name.to_owned())
        })
        .collect();
    names.sort_unstable();
    names
}

/// The script for a shell, to be read by it at its start.
pub fn script(shell: Shell, command: &Command, values: &Values) -> String {
    let tasks: Vec<String> = command
        .get_subcommands()
        .map(|task| task.get_name().to_owned())
        .collect();
    let command = filled(command.clone(), values, &tasks);
    let mut program = command.bin_name("xtask").name("xtask");
    let mut bytes = Vec::new();
    match shell {
        Shell::Bash => {
            generate(Bash, &mut program, "xtask", &mut bytes);
            bytes.extend(BASH.as_bytes());
        }
        Shell::Zsh => {
            generate(Zsh, &mut program, "xtask", &mut bytes);
            bytes.extend(ZSH.as_bytes());
        }
        Shell::Fish => {
            generate(Fish, &mut program.clone(), "xtask", &mut bytes);
            // The same below `cargo`, whose own options fish knows from elsewhere.
            let mut cargo = Command::new("cargo")
                .disable_help_flag(true)
                .disable_help_subcommand(true)
                .subcommand(program.about("Run a task of this repository"));
            generate(Fish, &mut cargo, "cargo", &mut bytes);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The grammar with the values of this checkout, and with files where files belong.
fn filled(command: Command, values: &Values, tasks: &[String]) -> Command {
    let name = command.get_name().to_owned();
    command
        .mut_args(|arg| with_values(arg, &name, values, tasks))
        .mut_subcommands(|task| filled(task, values, tasks))
}

fn with_values(arg: Arg, task: &str, values: &Values, tasks: &[String]) -> Arg {
    if !arg.get_possible_values().is_empty() {
        return arg;
    }
    if arg.get_long() == Some("image") && !values.names.is_empty() {
        return arg.value_parser(PossibleValuesParser::new(lasting(&values.names)));
    }
    let words = arg.get_value_names().unwrap_or_default();
    let word = words.first().map(ToString::to_string).unwrap_or_default();
    if let Some(known) = values.of_word(task, &word) {
        return arg.value_parser(PossibleValuesParser::new(lasting(known)));
    }
    match word.as_str() {
        "TASK" => arg.value_parser(PossibleValuesParser::new(lasting(tasks))),
        "FILE" | "LOG" => arg.value_hint(ValueHint::FilePath),
        "DIR" => arg.value_hint(ValueHint::DirPath),
        "URL" => arg.value_hint(ValueHint::Url),
        _ => arg,
    }
}

/// Texts as clap wants them: for the rest of the program, which only prints them and
/// ends. Its feature `string` would make every text of every command an owned one.
fn lasting(texts: &[String]) -> Vec<&'static str> {
    let lasting = |text: &String| -> &'static str { text.clone().leak() };
    texts.iter().map(lasting).collect()
}

/// In front of what completes `cargo` by itself: what did so when this was read, or what
/// bash-completion has for it (`_comp_load` from 2.12 on, `_completion_loader` before),
/// which takes our place, and gives it back.
const BASH: &str = r#"
_custom_coreos_completes() {
    local said
    said=$(complete -p "$1" 2>/dev/null) && [[ $said =~ -F\ ([^ ]+) ]] &&
        [[ ${BASH_REMATCH[1]} != _custom_coreos_cargo ]] && printf '%s' "${BASH_REMATCH[1]}"
}
_custom_coreos_other=$(_custom_coreos_completes cargo)
_custom_coreos_register() {
    complete -F _custom_coreos_cargo -o nosort -o bashdefault -o default cargo
}
_custom_coreos_cargo() {
    if [[ ${COMP_WORDS[1]} == xtask && COMP_CWORD -gt 1 ]]; then
        COMP_WORDS=("${COMP_WORDS[@]:1}")
        COMP_CWORD=$((COMP_CWORD - 1))
        _xtask xtask "$2" "$3"
        return
    fi
    if [[ -z $_custom_coreos_other ]]; then
        complete -r cargo 2>/dev/null
        if declare -F _comp_load >/dev/null; then
            _comp_load cargo
        elif declare -F _completion_loader >/dev/null; then
            _completion_loader cargo
        fi
        _custom_coreos_other=$(_custom_coreos_completes cargo)
        : "${_custom_coreos_other:=none}"
        _custom_coreos_register
    fi
    if declare -F "$_custom_coreos_other" >/dev/null; then
        "$_custom_coreos_other" "$@"
    fi
    if [[ COMP_CWORD -eq 1 && xtask == "$2"* && " ${COMPREPLY[*]} " != *" xtask "* ]]; then
        COMPREPLY+=(xtask)
    fi
}
_custom_coreos_register
"#;

/// The name that zsh's `_cargo` calls for `cargo xtask`, and that of the file: where it
/// was not read before, this is its first call.
const ZSH: &str = "
_cargo-xtask() { _xtask \"$@\" }
if [ \"$funcstack[1]\" = \"_cargo-xtask\" ]; then
    _xtask \"$@\"
fi
";

#[cfg(test)]
mod tests {
    use clap::Arg;
    use xshell::{Shell as Sh, cmd};

    use super::*;

    fn grammar() -> Command {
        let engine = Arg::new("engine").long("engine").value_name("ENGINE");
        let engine = engine.value_parser(["podman", "buildah"]);
        let like = Arg::new("like").long("like").value_name("IMAGE");
        let image = Arg::new("image").value_name("IMAGE");
        Command::new("cargo xtask")
            .bin_name("cargo xtask")
            .disable_help_subcommand(true)
            .subcommand(Command::new("build").about("Build").arg(engine).arg(like))
            .subcommand(Command::new("verify").arg(image))
            .subcommand(Command::new("help").arg(Arg::new("task").value_name("TASK")))
    }

    fn values() -> Values {
        Values {
            images: vec!["ghcr.io/o/i:stable".to_owned()],
            ..Values::default()
        }
    }

    /// What bash would offer after these words.
    fn offered(words: &[&str]) -> Vec<String> {
        offered_beside("", words)
    }

    /// The same after these lines.
    fn offered_beside(before_ours: &str, words: &[&str]) -> Vec<String> {
        let sh = Sh::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        let file = dir.path().join("script");
        sh.write_file(&file, script(Shell::Bash, &grammar(), &values()))
            .unwrap();
        let last = words.len() - 1;
        let (word, before) = (words[last], words[last - 1]);
        let at = last.to_string();
        let ask = "eval \"$LINES_BEFORE\"; source \"$1\"; f=$2 at=$3 word=$4 before=$5; shift 5; COMP_WORDS=(\"$@\"); \
                   COMP_CWORD=$at; \"$f\" \"$1\" \"$word\" \"$before\"; \
                   printf '%s\\n' \"${COMPREPLY[@]}\"";
        let function = match words[0] {
            "cargo" => "_custom_coreos_cargo",
            _ => "_xtask",
        };
        sh.set_var("LINES_BEFORE", before_ours);
        let text = cmd!(
            sh,
            "bash --norc -c {ask} bash {file} {function} {at} {word} {before} {words...}"
        )
        .quiet()
        .read()
        .unwrap();
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn bash_offers_tasks_options_and_values() {
        assert_eq!(offered(&["cargo", "xtask", "bu"]), ["build"]);
        assert_eq!(offered(&["xtask", "bu"]), ["build"]);
        assert_eq!(offered(&["cargo", "xtask", "build", "--en"]), ["--engine"]);
        assert_eq!(
            offered(&["cargo", "xtask", "build", "--engine", ""]),
            ["podman", "buildah"]
        );
        assert!(
            offered(&["cargo", "xtask", "verify", "gh"]).contains(&"ghcr.io/o/i:stable".to_owned())
        );
        assert!(offered(&["cargo", "xtask", "help", "ver"]).contains(&"verify".to_owned()));
        assert_eq!(offered(&["cargo", "x"]), ["xtask"]);
    }

    #[test]
    fn cargo_completes_as_before() {
        let cargo = "_cargo() { COMPREPLY=($(compgen -W 'build metadata' -- \"$2\")); };";
        let register = "complete -F _cargo cargo;";
        // Read before ours, or loaded by bash-completion when it is needed.
        for before in [
            format!("{cargo} {register}"),
            format!("_completion_loader() {{ {cargo} {register} }}"),
            format!("_comp_load() {{ {cargo} {register} }}"),
        ] {
            let offered = |words: &[&str]| offered_beside(&before, words);
            assert_eq!(offered(&["cargo", "meta"]), ["metadata"], "{before}");
            assert_eq!(offered(&["cargo", "xt"]), ["xtask"], "{before}");
            assert_eq!(offered(&["cargo", "xtask", "ver"]), ["verify"], "{before}");
        }
    }

    #[test]
    fn each_shell_is_told_what_follows_cargo() {
        let text = |shell| script(shell, &grammar(), &values());
        assert!(text(Shell::Zsh).contains("_cargo-xtask()"));
        let fish = text(Shell::Fish);
        assert!(fish.contains("complete -c cargo -n"), "{fish}");
        assert!(fish.contains("complete -c xtask -n"), "{fish}");
        assert!(fish.contains("ghcr.io/o/i:stable"), "{fish}");
    }
}
