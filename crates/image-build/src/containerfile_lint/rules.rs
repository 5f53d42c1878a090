//! The rules themselves.

use std::collections::{BTreeMap, BTreeSet};

use super::rule::{Rule, Violation};
use super::shell::{Command, INTERPRETERS, Script, expansions, script};
use image_config::containerfile::{Instruction, words};

/// Instructions of the Dockerfile reference. `MAINTAINER` is gone from it.
const KNOWN: [&str; 17] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Options of `COPY` and `ADD` that all three builders support.
const COPY_OPTIONS: [&str; 3] = ["from", "chown", "chmod"];

/// What may stand in `RUN --mount=…`.
/// Sources: Dockerfile reference, "RUN --mount"; podman-build(1) 4.3 and
/// buildah-run(1) 1.28, "--mount".
const MOUNT_TYPES: [&str; 4] = ["bind", "cache", "tmpfs", "secret"];
const MOUNT_KEYS: [&str; 13] = [
    "type",
    "from",
    "source",
    "src",
    "target",
    "dst",
    "destination",
    "ro",
    "readonly",
    "id",
    "mode",
    "uid",
    "gid",
];

const PACKAGERS: [&str; 6] = ["dnf", "dnf5", "yum", "microdnf", "rpm-ostree", "apt-get"];
const POLICY_TOOLS: [&str; 2] = ["semodule", "semanage"];
const SECRETS: [&str; 5] = ["TOKEN", "PASSWORD", "PASSWD", "SECRET", "CREDENTIAL"];
const ARCHIVES: [&str; 7] = [
    ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".txz", ".tar.zst",
];

/// Variables that the shell or its environment sets by itself.
const GIVEN: [&str; 15] = [
    "HOME",
    "PATH",
    "PWD",
    "OLDPWD",
    "IFS",
    "SHELL",
    "UID",
    "EUID",
    "RANDOM",
    "LINENO",
    "REPLY",
    "PIPESTATUS",
    "OPTARG",
    "OPTIND",
    "HOSTNAME",
];

/// A `FROM` and what stands below it.
struct Stage<'a> {
    from: &'a Instruction,
    body: Vec<&'a Instruction>,
}

struct Found(Vec<Violation>);

impl Found {
    fn at(&mut self, line: usize, rule: Rule, found: impl Into<String>) {
        let found = found.into();
        self.0.push(Violation { line, rule, found });
    }
}

pub fn violations(all: &[Instruction]) -> Vec<Violation> {
    let mut found = Found(Vec::new());
    let mut globals: Vec<&Instruction> = Vec::new();
    let mut stages: Vec<Stage<'_>> = Vec::new();
    for instruction in all {
        everywhere(instruction, &mut found);
        let keyword = instruction.keyword.as_str();
        match stages.last_mut() {
            _ if keyword == "FROM" => stages.push(Stage {
                from: instruction,
                body: Vec::new(),
            }),
            Some(stage) => stage.body.push(instruction),
            None if keyword == "ARG" => globals.push(instruction),
            None if KNOWN.contains(&keyword) => found.at(
                instruction.line,
                Rule::UnknownInstruction,
                format!("{keyword} before the first FROM"),
            ),
            None => {}
        }
    }
    images(&globals, &stages, &mut found);
    declarations(&globals, &stages, &mut found);
    for stage in &stages {
        for run in stage.body.iter().filter(|i| i.keyword == "RUN") {
            commands(run, &script(run), &mut found);
        }
    }
    match stages.last() {
        Some(stage) => last_stage(stage, &mut found),
        None => found.at(1, Rule::BaseIsArgument, "there is no FROM"),
    }
    found.0
}

/// Rules that need only the instruction itself.
fn everywhere(instruction: &Instruction, found: &mut Found) {
    let Instruction { line, text, .. } = instruction;
    let keyword = instruction.keyword.as_str();
    if !KNOWN.contains(&keyword) {
        found.at(*line, Rule::UnknownInstruction, format!("`{keyword}`"));
    }
    if ["HEALTHCHECK", "ONBUILD", "SHELL"].contains(&keyword) {
        found.at(*line, Rule::NotInOci, keyword);
    }
    if let Some(line) = instruction.heredoc {
        found.at(line, Rule::Heredoc, format!("{keyword} <<"));
    }
    for (offset, _) in text.match_indices(":latest") {
        let next = text[offset + ":latest".len()..].chars().next();
        if !next.is_some_and(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
            found.at(instruction.line_at(offset), Rule::Latest, "`:latest`");
        }
    }
    match keyword {
        "CMD" | "ENTRYPOINT" if instruction.exec_form().is_none() => {
            found.at(*line, Rule::ExecForm, format!("`{keyword} {text}`"));
        }
        "ARG" | "ENV" => {
            for (name, _) in instruction.pairs().iter().filter(|(name, _)| secret(name)) {
                found.at(*line, Rule::SecretName, format!("`{name}`"));
            }
        }
        "COPY" | "ADD" => copies(instruction, found),
        "RUN" => run_options(instruction, found),
        _ => {}
    }
}

fn secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let key = |part: &str| part.ends_with("KEY") || part == "KEYS";
    SECRETS.iter().any(|word| name.contains(word)) || name.split('_').any(key)
}

fn copies(instruction: &Instruction, found: &mut Found) {
    let Instruction { line, keyword, .. } = instruction;
    let (options, start) = instruction.options();
    for option in &options {
        let name = option.trim_start_matches('-').split('=').next();
        if !name.is_some_and(|name| COPY_OPTIONS.contains(&name)) {
            found.at(*line, Rule::ContainerOption, format!("`{option}`"));
        }
    }
    let from_context = !options.iter().any(|option| option.starts_with("--from="));
    let all = instruction.exec_form().unwrap_or_else(|| {
        let rest = words(&instruction.text[start..]);
        rest.map(|(_, word)| word.to_owned()).collect()
    });
    let sources = all.split_last().map_or(&[][..], |(_, sources)| sources);
    for source in sources {
        let remote = source.contains("://") || source.starts_with("git@");
        if keyword == "ADD" && remote {
            found.at(*line, Rule::AddUrl, format!("`{source}`"));
        } else if keyword == "ADD" && !ARCHIVES.iter().any(|end| source.ends_with(end)) {
            found.at(*line, Rule::AddIsCopy, format!("`{source}`"));
        }
        let whole = source
            .trim_start_matches('/')
            .trim_start_matches("./")
            .trim_end_matches('/');
        if from_context && matches!(whole, "" | "." | "*" | "**") {
            found.at(*line, Rule::CopyAll, format!("`{source}`"));
        }
    }
}

fn run_options(run: &Instruction, found: &mut Found) {
    for option in run.options().0 {
        let offset = option.as_ptr() as usize - run.text.as_ptr() as usize;
        let line = run.line_at(offset);
        let Some(mount) = option.strip_prefix("--mount=") else {
            if !option.starts_with("--network=") {
                found.at(line, Rule::ContainerOption, format!("`{option}`"));
            }
            continue;
        };
        for part in mount.split(',') {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let known =
                MOUNT_KEYS.contains(&key) && (key != "type" || MOUNT_TYPES.contains(&value));
            if !known {
                found.at(line, Rule::ContainerOption, format!("`{part}` of --mount"));
            }
        }
    }
}

/// Every image from outside is a required argument: `FROM`, `--from=` and
/// `RUN --mount=from=…`.
fn images(globals: &[&Instruction], stages: &[Stage<'_>], found: &mut Found) {
    let declared: BTreeMap<String, (usize, Option<String>)> = globals
        .iter()
        .flat_map(|arg| arg.pairs().into_iter().map(|(n, v)| (n, (arg.line, v))))
        .collect();
    let mut names: Vec<String> = Vec::new();
    for stage in stages {
        let start = stage.from.options().1;
        let mut rest = words(&stage.from.text[start..]).map(|(_, word)| word);
        let image = rest.next().unwrap_or_default();
        let name = rest.nth(1).unwrap_or_default().to_ascii_lowercase();
        let ours = image == "scratch" || names.contains(&image.to_ascii_lowercase());
        if !ours && required_argument(image).is_none() {
            found.at(
                stage.from.line,
                Rule::BaseIsArgument,
                format!("`FROM {image}`"),
            );
        }
        // An argument that is not declared at all is reported by another rule.
        let argument = required_argument(image).and_then(|name| declared.get_key_value(name));
        if let Some((name, (line, Some(value)))) = argument {
            let default = format!("`{name}` has the default `{value}`");
            found.at(*line, Rule::BaseIsArgument, default);
        }
        for (line, from) in stage.body.iter().flat_map(|i| i.copied_from()) {
            let number = from.parse::<usize>().is_ok_and(|n| n < names.len());
            if !number && !names.contains(&from.to_ascii_lowercase()) {
                found.at(
                    line,
                    Rule::BaseIsArgument,
                    format!("`from={from}` is no stage above"),
                );
            }
        }
        // A stage without a name can only be referred to by its number.
        names.push(name);
    }
}

/// The name, if the image is `$X`, `${X}`, or `${X:-…}` with the one default text that
/// is not a valid image name, so that the engine's error message shows what is missing.
fn required_argument(image: &str) -> Option<&str> {
    let rest = image.strip_prefix('$')?;
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let Some(braced) = rest.strip_prefix('{') else {
        return is_name(rest).then_some(rest);
    };
    let inner = braced.strip_suffix('}')?;
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    let required = format!("the_build_argument_{name}_is_required");
    (is_name(name) && default.is_none_or(|text| text == required)).then_some(name)
}

fn declarations(globals: &[&Instruction], stages: &[Stage<'_>], found: &mut Found) {
    let names = |instruction: &Instruction| instruction.pairs().into_iter().map(|(name, _)| name);
    let global: BTreeSet<String> = globals.iter().flat_map(|arg| names(arg)).collect();
    for stage in stages {
        let from = &stage.from;
        check(from, expansions(&from.text), &global, found);
        let mut declared: BTreeSet<String> = GIVEN.map(str::to_owned).into();
        for instruction in &stage.body {
            match instruction.keyword.as_str() {
                "RUN" => {
                    let Script { reads, sets, .. } = script(instruction);
                    let both = declared.union(&sets).cloned().collect();
                    check(instruction, reads, &both, found);
                }
                "CMD" | "ENTRYPOINT" => {}
                _ => check(instruction, expansions(&instruction.text), &declared, found),
            }
            if ["ARG", "ENV"].contains(&instruction.keyword.as_str()) {
                declared.extend(names(instruction));
            }
        }
    }
}

fn check(
    instruction: &Instruction,
    reads: Vec<(usize, String)>,
    declared: &BTreeSet<String>,
    found: &mut Found,
) {
    for (offset, name) in reads {
        if !declared.contains(&name) {
            let line = instruction.line_at(offset);
            found.at(line, Rule::UndeclaredArgument, format!("`{name}`"));
        }
    }
}

/// The commands of one `RUN`.
fn commands(run: &Instruction, script: &Script, found: &mut Found) {
    let commands = &script.commands;
    for command in commands {
        let line = run.line_at(command.offset);
        let Command { program, args, .. } = command;
        if program == "sudo" {
            found.at(line, Rule::Sudo, format!("`sudo {}`", args.join(" ")));
        }
        let fetches = ["curl", "wget"].contains(&program.as_str());
        let run_by = command
            .inside
            .as_deref()
            .filter(|by| INTERPRETERS.contains(by));
        if fetches && (command.piped || run_by.is_some()) {
            found.at(line, Rule::DownloadPipe, format!("`{program}`"));
        }
        let verbs = [
            "update",
            "upgrade",
            "distro-sync",
            "dist-upgrade",
            "full-upgrade",
        ];
        if command.does(&PACKAGERS, &verbs) {
            found.at(
                line,
                Rule::SystemUpdate,
                format!("`{program} {}`", args.join(" ")),
            );
        }
    }
    let says = |c: &Command| {
        let able = c.program == "set" || INTERPRETERS.contains(&c.program.as_str());
        able && c.args.iter().any(|arg| arg == "pipefail")
    };
    if let Some(command) = commands
        .iter()
        .find(|c| c.piped)
        .filter(|_| !commands.iter().any(says))
    {
        let line = run.line_at(command.offset);
        found.at(line, Rule::Pipefail, format!("`{} … |`", command.program));
    }
}

/// Whether a command changes packages or the SELinux policy. `install.sh` is our own
/// script, which is known to do so.
fn changes_packages(command: &Command) -> bool {
    let rpm = |arg: &String| {
        let long = ["--install", "--upgrade", "--freshen", "--erase"].contains(&arg.as_str());
        long || ["-i", "-U", "-F", "-e"]
            .iter()
            .any(|short| arg.starts_with(short))
    };
    let verbs = [
        "install",
        "remove",
        "erase",
        "reinstall",
        "swap",
        "override",
    ];
    let script = |word: &str| word.rsplit('/').next() == Some("install.sh");
    command.does(&PACKAGERS, &verbs)
        || (command.program == "rpm" && command.args.iter().any(rpm))
        || POLICY_TOOLS.contains(&command.program.as_str())
        || script(&command.program)
        || (INTERPRETERS.contains(&command.program.as_str())
            && command.args.iter().any(|arg| script(arg)))
}

/// Rules for the last stage, which is the image.
fn last_stage(stage: &Stage<'_>, found: &mut Found) {
    let of = |keyword: &str| {
        let keyword = keyword.to_owned();
        stage.body.iter().filter(move |i| i.keyword == keyword)
    };
    let end = stage.body.last().map_or(stage.from.line, |i| i.line);
    let installing: Vec<usize> = of("RUN")
        .filter(|run| script(run).commands.iter().any(changes_packages))
        .map(|run| run.line)
        .collect();
    match installing.as_slice() {
        [] => found.at(end, Rule::OnePackageLayer, "no RUN installs packages"),
        [first, more @ ..] => {
            for line in more {
                let also = format!("the RUN of line {first} does so already");
                found.at(*line, Rule::OnePackageLayer, also);
            }
        }
    }
    let lints = |i: &Instruction| {
        let lint = |c: &Command| {
            c.program == "bootc"
                && c.args
                    .starts_with(&["container", "lint"].map(str::to_owned))
        };
        i.keyword == "RUN" && script(i).commands.iter().any(lint)
    };
    let changes = |i: &&&Instruction| ["RUN", "COPY", "ADD"].contains(&i.keyword.as_str());
    match stage.body.iter().rfind(changes) {
        Some(last) if lints(last) => {}
        Some(last) => found.at(
            last.line,
            Rule::LintLast,
            format!("the last is {}", last.keyword),
        ),
        None => found.at(end, Rule::LintLast, "there is no RUN"),
    }
    if let Some(user) = of("USER").next_back() {
        let name = user.text.split(':').next().unwrap_or_default();
        if !["root", "0"].contains(&name) {
            found.at(user.line, Rule::UserRoot, format!("`USER {}`", user.text));
        }
    }
    let labels: Vec<(String, Option<String>)> = of("LABEL").flat_map(|i| i.pairs()).collect();
    let wanted = ("containers.bootc".to_owned(), Some("1".to_owned()));
    if !labels.contains(&wanted) {
        found.at(end, Rule::BootcLabel, "it is not there");
    }
}
