//! The lines of a night, once for all who type them: the workflows of GitHub and
//! Forgejo, `.gitlab-ci.yml`, and [`crate::nightly`] on a machine of one's own. A
//! test compares the workflows with it.

/// A job, its lines, and its share of the alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// Its name.
    pub name: &'static str,
    /// What is typed, each after `cargo xtask `. `"$NAME"` is an input.
    pub lines: &'static [&'static str],
    /// The alarm's line; none where nobody is told.
    pub alarm: Option<&'static str>,
}

/// Whether kernel modules have to be built first, and on which machines.
pub const WANTED: &str = "kmods status --decide";
/// Kernel modules that nobody else has built.
pub const KMODS: &str = "kmods publish";
/// The lock, and whether there is anything to build.
pub const RESOLVE: &str = "resolve --decide --force=\"$FORCE\" -o lock.json";
/// What would be done.
pub const SHOW: &str = "build --publish --locked lock.json --dry-run";
/// The first half, of one image.
pub const PUSH: &str = "build --push --pushed pushed --locked lock.json --image \"$NAME\"";
/// The virtual machine that the second half boots.
pub const MACHINE: &str = "doctor --install --vm";
/// The second half, of an image of one architecture.
pub const PUBLISH: &str = "publish \"$IMAGE@$DIGEST\" --locked lock.json --image \"$NAME\"";
/// The second half, of an image of several architectures or one.
pub const JOIN: &str = "publish --pushed pushed --if-complete --locked lock.json --image \"$NAME\"";
/// Old versions.
pub const CLEANUP: &str = "cleanup --mode \"$MODE\"";
/// The folder of the page.
pub const SITE: &str = "ignition site --output target/site";

/// All jobs of the four workflows, in their order.
pub const JOBS: [Job; 13] = [
    Job {
        name: "wanted",
        lines: &[WANTED],
        alarm: Some("alarm --job wanted --status \"$STATUS\""),
    },
    Job {
        name: "kmods",
        lines: &[KMODS],
        alarm: Some("alarm --job \"kmods-$ARCH\" --status \"$STATUS\""),
    },
    Job {
        name: "resolve",
        lines: &[RESOLVE, SHOW],
        alarm: Some("alarm --job resolve --status \"$STATUS\""),
    },
    Job {
        name: "build",
        lines: &[PUSH, MACHINE, PUBLISH],
        alarm: Some("alarm --image \"$NAME\" --job \"build-$ARCH\" --status \"$STATUS\""),
    },
    Job {
        name: "publish",
        lines: &[MACHINE, JOIN],
        alarm: Some("alarm --image \"$NAME\" --job publish --status \"$STATUS\""),
    },
    Job {
        name: "check",
        lines: &["doctor --install", "doctor docs --install", "check"],
        alarm: None,
    },
    Job {
        name: "rehearsal",
        lines: &["doctor --install", "rehearse"],
        alarm: None,
    },
    Job {
        name: "images",
        lines: &["doctor images --install", "rehearse --images"],
        alarm: None,
    },
    Job {
        // No job may be called `image`: GitLab takes the word for its own.
        name: "test-build",
        lines: &["test-build --if-possible"],
        alarm: None,
    },
    Job {
        name: "vm",
        lines: &["doctor --install --vm", "vm --mistakes"],
        alarm: None,
    },
    Job {
        name: "boot",
        lines: &["doctor --install --vm", "rehearse --boot --heal --kmods"],
        alarm: None,
    },
    Job {
        name: "cleanup",
        lines: &[CLEANUP],
        alarm: Some("alarm --job cleanup --status \"$STATUS\""),
    },
    Job {
        name: "pages",
        lines: &[
            SITE,
            "doctor docs --install",
            "docs --output target/site/book",
        ],
        alarm: Some("alarm --job pages --status \"$STATUS\""),
    },
];

/// A job by its name.
pub fn job(name: &str) -> Option<&'static Job> {
    JOBS.iter().find(|job| job.name == name)
}

/// The words of a line, with the values of its inputs, as a shell would part them:
/// an input is a part of one word, whatever its value is.
///
/// # Errors
/// The name of an input that has no value here.
pub fn words(line: &str, values: &[(&str, &str)]) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    for word in line.split(' ') {
        let mut text = String::new();
        let mut rest = word;
        while let Some((before, after)) = rest.split_once('$') {
            text.push_str(before);
            let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let (name, next) = after.split_at(end.unwrap_or(after.len()));
            let value = values.iter().find(|(known, _)| *known == name);
            text.push_str(value.ok_or_else(|| name.to_owned())?.1);
            rest = next;
        }
        text.push_str(rest);
        // Ours are the only quotation marks; a value with one keeps it.
        all.push(unquoted(word, text));
    }
    Ok(all)
}

fn unquoted(word: &str, text: String) -> String {
    match word.find('"') {
        None => text,
        Some(at) => {
            let mut text = text;
            text.remove(at);
            if word.ends_with('"') {
                text.pop();
            }
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_a_part_of_one_word() {
        let values = [
            ("IMAGE", "r/o/n"),
            ("DIGEST", "sha256:1"),
            ("FORCE", "a \"b\" c"),
            ("NAME", "nas"),
        ];
        assert_eq!(
            words(PUBLISH, &values).unwrap(),
            [
                "publish",
                "r/o/n@sha256:1",
                "--locked",
                "lock.json",
                "--image",
                "nas"
            ]
        );
        let forced = words(RESOLVE, &values).unwrap();
        assert_eq!(forced[2], "--force=a \"b\" c");
        assert_eq!(words(CLEANUP, &values), Err("MODE".to_owned()));
        let arch = [("ARCH", "x86_64"), ("STATUS", "success"), ("NAME", "nas")];
        let alarm = job("build").unwrap().alarm.unwrap();
        let expected = "alarm --image nas --job build-x86_64 --status success";
        let expected: Vec<&str> = expected.split(' ').collect();
        assert_eq!(words(alarm, &arch).unwrap(), expected);
    }
}
