//! The grammar as data, for `help --json`: tasks, their options, values and
//! sub-tasks.

use clap::{Arg, ArgAction, Command};
use serde_json::{Value, json};

/// The document: all tasks, or one.
pub(crate) fn of(command: &Command, task: Option<&str>) -> Value {
    let mut command = command.clone();
    command.build();
    match task.and_then(|name| command.find_subcommand(name)) {
        Some(task) => one(task),
        None => json!({
            "tasks": command.get_subcommands().map(one).collect::<Vec<_>>(),
            "options": options(&command),
        }),
    }
}

/// One task, whose command was built.
pub(crate) fn one(command: &Command) -> Value {
    json!({
        "name": command.get_name(),
        "about": command.get_about().map(ToString::to_string),
        "options": options(command),
        "tasks": command.get_subcommands().map(one).collect::<Vec<_>>(),
    })
}

fn options(command: &Command) -> Vec<Value> {
    command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set())
        .map(option)
        .collect()
}

fn option(arg: &Arg) -> Value {
    let takes = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    let names = arg.get_value_names().unwrap_or_default();
    let values = arg.get_possible_values();
    let values: Vec<&str> = values.iter().map(|value| value.get_name()).collect();
    let defaults = arg.get_default_values().iter();
    json!({
        "name": arg.get_long().map_or_else(|| arg.get_id().to_string(), |name| format!("--{name}")),
        "short": arg.get_short().map(|name| format!("-{name}")),
        "positional": arg.is_positional(),
        "required": arg.is_required_set(),
        "takes": takes.then(|| names.iter().map(ToString::to_string).collect::<Vec<_>>()),
        // Of a switch clap knows `true` and `false`.
        "values": if takes { values } else { Vec::new() },
        "default": defaults.map(|value| value.to_string_lossy()).collect::<Vec<_>>(),
        "help": arg.get_help().map(ToString::to_string),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tasks;

    #[test]
    fn every_task_and_option_is_in_it() {
        let all = of(&Tasks::default().command(), None);
        let tasks = all["tasks"].as_array().unwrap();
        let find = |name: &str| tasks.iter().find(|task| task["name"] == name).unwrap();
        let build = find("build");
        let options = build["options"].as_array().unwrap();
        let engine = options.iter().find(|o| o["name"] == "--engine").unwrap();
        assert_eq!(engine["values"], json!(["podman", "buildah", "docker"]));
        let dry = options.iter().find(|o| o["name"] == "--dry-run").unwrap();
        assert_eq!(dry["takes"], Value::Null);
        let keys = find("keys")["tasks"].as_array().unwrap().len();
        assert!(keys > 0);
        assert_eq!(of(&Tasks::default().command(), Some("build")), *build);
    }
}
