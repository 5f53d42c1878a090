//! The pages of the book that are made: of the grammar, and of `image.yaml`.
//!
//! They lie in `docs/reference`, so that they can be read where the sources are
//! read; a test compares them with what is made now.

use clap::{Arg, ArgAction, Command};

/// What the pages are made of.
pub struct Sources<'a> {
    /// The whole grammar.
    pub command: &'a Command,
    /// Titles, and the tasks below each, in the order of the book.
    pub groups: &'a [(&'a str, &'a [&'a str])],
    /// The text of `image.yaml`.
    pub image_yaml: &'a str,
}

/// Each page by its path below `docs/`.
pub fn all(sources: &Sources<'_>) -> Vec<(&'static str, String)> {
    vec![
        ("reference/commands.md", commands(sources)),
        ("reference/image-yaml.md", image_yaml(sources.image_yaml)),
    ]
}

const MADE: &str = "<!-- Made by `cargo xtask docs`; what is changed here is lost. -->\n\n";

/// The reference of the commands.
fn commands(sources: &Sources<'_>) -> String {
    let mut command = sources.command.clone();
    command.build();
    let mut text = format!("{MADE}# The commands\n\n");
    text.push_str(
        "`cargo xtask help TASK` says the same on the terminal. \
         [The tasks](../tasks.md) are one table, with what each answers.\n\n",
    );
    for (title, names) in sources.groups {
        let link = |name: &&str| format!("[{name}](#{name})");
        let links: Vec<String> = names.iter().map(link).collect();
        text.push_str(&format!("- {title}: {}\n", links.join(", ")));
    }
    text.push_str("\nEvery task takes these, too:\n\n");
    for arg in command.get_arguments().filter(|arg| arg.is_global_set()) {
        text.push_str(&option(arg));
    }
    text.push_str("- `-h`, `--help`: print the help\n");
    for (_, names) in sources.groups {
        for name in *names {
            if let Some(task) = command.find_subcommand(name) {
                one(task, name, 2, &mut text);
            }
        }
    }
    text
}

/// One task, and those below it.
fn one(task: &Command, name: &str, level: usize, text: &mut String) {
    text.push_str(&format!("\n{} {name}\n\n", "#".repeat(level)));
    let about = task.get_long_about().or_else(|| task.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    let (prose, examples) = split(&about);
    text.push_str(&format!("{}\n\n", prose.join("\n\n")));
    let usage = task.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim();
    text.push_str(&format!("```text\n{usage}\n```\n"));
    let own = |arg: &&Arg| !arg.is_hide_set() && !arg.is_global_set() && arg.get_id() != "help";
    let options: String = task.get_arguments().filter(own).map(option).collect();
    if !options.is_empty() {
        text.push_str(&format!("\n{options}"));
    }
    if !examples.is_empty() {
        text.push_str(&format!("\n```sh\n{}\n```\n", examples.join("\n")));
    }
    for inner in task.get_subcommands() {
        one(
            inner,
            &format!("{name} {}", inner.get_name()),
            level + 1,
            text,
        );
    }
}

/// The paragraphs of a help, and the commands that it gives as examples.
fn split(about: &str) -> (Vec<String>, Vec<String>) {
    let mut prose = Vec::new();
    let mut examples = Vec::new();
    for paragraph in about.split("\n\n") {
        let one_line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        match one_line.strip_prefix("Example: ") {
            Some(example) => examples.push(example.to_owned()),
            None => prose.push(sentence(&one_line)),
        }
    }
    (prose, examples)
}

/// Angle brackets would be HTML, and stars emphasis; but not in code.
fn sentence(text: &str) -> String {
    let mut parts = Vec::new();
    for (at, part) in text.split('`').enumerate() {
        parts.push(match at % 2 {
            0 => part.replace('<', "\\<").replace('*', "\\*"),
            _ => part.to_owned(),
        });
    }
    parts.join("`")
}

/// One option or argument, as an item of a list.
fn option(arg: &Arg) -> String {
    let takes = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    let names = arg.get_value_names().unwrap_or_default();
    let value = names.first().map_or_else(
        || arg.get_id().to_string().to_uppercase(),
        ToString::to_string,
    );
    let optional = arg
        .get_num_args()
        .is_some_and(|range| range.min_values() == 0);
    let long = arg.get_long().map(|long| {
        let value = match (takes, optional) {
            (false, _) => String::new(),
            (true, false) => format!(" {value}"),
            (true, true) => format!("[={value}]"),
        };
        format!("`--{long}{value}`")
    });
    let short = arg.get_short().map(|short| format!("`-{short}`"));
    let name = match (short, long) {
        (None, None) => format!("`{value}`"),
        (short, long) => [short, long]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(", "),
    };
    let help = arg.get_long_help().or_else(|| arg.get_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut more = Vec::new();
    let values: Vec<String> = match takes {
        true => arg
            .get_possible_values()
            .iter()
            .filter(|value| !value.is_hide_set())
            .map(|value| format!("`{}`", value.get_name()))
            .collect(),
        false => Vec::new(),
    };
    if !values.is_empty() {
        more.push(format!("one of {}", values.join(", ")));
    }
    let defaults: Vec<String> = match takes {
        true => arg
            .get_default_values()
            .iter()
            .map(|value| format!("`{}`", value.to_string_lossy()))
            .collect(),
        false => Vec::new(),
    };
    if !defaults.is_empty() {
        more.push(format!("by default {}", defaults.join(", ")));
    }
    let more = match more.is_empty() {
        true => String::new(),
        false => format!(" ({})", more.join("; ")),
    };
    format!("- {name}: {}{more}\n", sentence(&help))
}

/// The reference of `image.yaml`: the file itself, which explains each key.
fn image_yaml(text: &str) -> String {
    format!(
        "{MADE}# image.yaml\n\n\
         All policy of an image stands in this file, and a fork changes no other. Every value \
         is checked while it is read, with line and column; an unknown key is an error. \
         `cargo xtask config` prints the file as understood, with every default filled in.\n\n\
         This is the one of this repository. What is commented out shows a key that it does not \
         use.\n\n```yaml\n{}\n```\n",
        text.trim_end()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> String {
        let engine = Arg::new("engine")
            .long("engine")
            .value_name("ENGINE")
            .value_parser(["podman", "buildah"])
            .default_value("podman")
            .help("Build with\nthis one");
        let switch = Arg::new("push")
            .long("push")
            .short('p')
            .action(ArgAction::SetTrue);
        let json = Arg::new("json")
            .long("json")
            .global(true)
            .action(ArgAction::SetTrue);
        let build = Command::new("build")
            .about("Build it")
            .long_about("Build it\n\nSlowly <so>.\n\nExample: cargo xtask build --push")
            .arg(engine)
            .arg(switch);
        let command = Command::new("cargo xtask")
            .bin_name("cargo xtask")
            .disable_help_subcommand(true)
            .arg(json)
            .subcommand(build)
            .subcommand(Command::new("keys").subcommand(Command::new("new").about("Make")));
        let groups: [(&str, &[&str]); 1] = [("Image", &["build", "keys"])];
        commands(&Sources {
            command: &command,
            groups: &groups,
            image_yaml: "",
        })
    }

    #[test]
    fn a_task_has_its_usage_its_options_and_its_example() {
        let page = page();
        for part in [
            "- Image: [build](#build), [keys](#keys)\n",
            "## build\n\nBuild it\n\nSlowly \\<so>.\n\n```text\ncargo xtask build",
            "- `--engine ENGINE`: Build with this one (one of `podman`, `buildah`; by default `podman`)\n",
            "- `-p`, `--push`: \n",
            "```sh\ncargo xtask build --push\n```\n",
            "### keys new\n\nMake\n",
        ] {
            assert!(page.contains(part), "{part}\n---\n{page}");
        }
        // Once, at the top.
        assert_eq!(page.matches("`--json`").count(), 1, "{page}");
    }
}
