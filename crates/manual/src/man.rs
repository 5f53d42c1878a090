//! Man pages out of the grammar: one for the program, one for each task and
//! sub-task, named as `man` finds them: `cargo-xtask-build(1)`.

use clap::Command;
use clap_mangen::Man;

/// File names and texts (roff), in the order of the grammar.
pub fn pages(command: &Command) -> Vec<(String, Vec<u8>)> {
    let mut command = command.clone();
    command.build();
    let mut pages = Vec::new();
    add(&command, "cargo-xtask", &mut pages);
    pages
}

fn add(command: &Command, name: &str, pages: &mut Vec<(String, Vec<u8>)>) {
    // clap wants a name that lasts, and the program ends after it has printed it.
    let title: &'static str = name.to_owned().leak();
    let titled = command.clone().name(title).display_name(title);
    let mut text = Vec::new();
    // Into memory, which takes everything.
    if Man::new(titled).render(&mut text).is_ok() {
        pages.push((format!("{name}.1"), text));
    }
    for task in command.get_subcommands() {
        add(task, &format!("{name}-{}", task.get_name()), pages);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_task_has_a_page_by_its_whole_name() {
        let command = Command::new("cargo xtask")
            .bin_name("cargo xtask")
            .disable_help_subcommand(true)
            .subcommand(
                Command::new("keys")
                    .about("Make keys")
                    .subcommand(Command::new("new").about("Make a pair")),
            );
        let pages = pages(&command);
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "cargo-xtask.1",
                "cargo-xtask-keys.1",
                "cargo-xtask-keys-new.1"
            ]
        );
        let text = String::from_utf8(pages[2].1.clone()).unwrap();
        assert!(text.contains("cargo\\-xtask\\-keys\\-new"), "{text}");
        assert!(text.contains("Make a pair"), "{text}");
        // As it is typed.
        assert!(text.contains("cargo xtask keys new"), "{text}");
    }
}
