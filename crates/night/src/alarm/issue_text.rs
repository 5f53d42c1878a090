//! What the alarm says: Markdown for people.

use super::classify::Cause;
use super::state_marker::{State, Trouble, is_image};

/// What the cause means, and what to do about it.
fn meaning(cause: Cause) -> (&'static str, &'static str) {
    match cause {
        Cause::Signing => (
            "an image could not be signed, or a host would not take it; hosts keep the old one",
            "give CI the key that belongs to the public half in `rootfs/` (docs/signing.md); \
             `cargo xtask verify IMAGE` shows each check",
        ),
        Cause::Contract => (
            "an image was built and is not what it must be; it was not published",
            "read the failed checks in the run; `cargo xtask build` makes them on a laptop",
        ),
        Cause::Build => (
            "the image could not be built",
            "read the run's last lines; `cargo xtask build --locked lock.json` with the run's \
             lock builds the same on a laptop",
        ),
        Cause::Configuration => (
            "something has to be edited: `image.yaml`, a secret, a pin or a permission",
            "do what the message says; `cargo xtask config` and `cargo xtask doctor` check the \
             rest",
        ),
        Cause::Skew => (
            "Fedora's kernel has no ZFS modules yet, and no older base may be built",
            "nothing, as a rule: they follow within days; `cargo xtask explain` says what is \
             missing, since when, and what could be edited",
        ),
        Cause::Registry => (
            "a registry refused, or did not have what it should",
            "nothing for a night or two; if it stays, the login and the package's access, which \
             `cargo xtask doctor` looks at",
        ),
        Cause::Network => (
            "Fedora, GitHub or a registry could not be reached; nothing is known",
            "nothing for a night or two; if it stays, `cargo xtask versions` says who does not \
             answer",
        ),
        Cause::Unknown => (
            "a step failed that says nothing of itself",
            "read the run; GitHub's own steps are often over with the next run",
        ),
        Cause::Boot => (
            "an image was built and signed, but in a virtual machine it did not come up, or was \
             not what it must be; no tag moved to it",
            "read the rows that do not hold in the run; `cargo xtask boot NAME@DIGEST --serial` \
             boots the same image on a laptop",
        ),
        Cause::Modules => (
            "kernel modules that nobody else has built could not be built here either; the image \
             stays with an older base meanwhile",
            "read the compiler's reason in the run; `cargo xtask kmods status` shows it again. \
             The same inputs are not tried again: a patch under `patches/` of the folder of the \
             modules, or a new release of OpenZFS, is a new attempt",
        ),
        Cause::Stale => (
            "the published image is old, though no job says why",
            "see with `cargo xtask workflow status --all` if the schedule is still on: GitHub \
             switches it off after 60 days without a commit",
        ),
    }
}

/// The first line: the causes, and what to do about them.
pub fn headline(state: &State) -> String {
    let mut causes = state.causes();
    let Some(first) = causes.pop_first() else {
        return "All is well.".to_owned();
    };
    let (what, act) = meaning(first);
    let mut line = format!("**{first}**: {what}. What to do: {act}.");
    if !causes.is_empty() {
        let others: Vec<String> = causes.iter().map(ToString::to_string).collect();
        line.push_str(&format!(" Besides: {}.", others.join(", ")));
    }
    line
}

/// Causes, and jobs.
pub fn title(state: &State) -> String {
    let causes: Vec<String> = state.causes().iter().map(ToString::to_string).collect();
    let jobs: Vec<&str> = state.jobs().collect();
    let title = match (causes.is_empty(), jobs.is_empty()) {
        (true, _) => "Alarm: all is well".to_owned(),
        (_, true) => format!("Alarm: {}", causes.join(", ")),
        _ => format!("Alarm: {} ({})", causes.join(", "), jobs.join(", ")),
    };
    // GitHub takes 256 characters.
    host::one_line(&title)
}

/// One row for each trouble.
pub fn table(state: &State) -> String {
    let mut text = String::from("| where | what | since | it said |\n|---|---|---|---|\n");
    for (place, trouble) in &state.troubles {
        let Trouble {
            cause,
            since,
            said,
            run,
        } = trouble;
        let place = match place.as_str() {
            image if is_image(image) => image.to_owned(),
            job => code(job),
        };
        let place = match run {
            Some(run) => format!("[{place}]({run})"),
            None => place,
        };
        text.push_str(&format!(
            "| {place} | {cause} | {since} | {} |\n",
            code(said)
        ));
    }
    text
}

/// Foreign text in which nothing means anything: no mention, no link, no end of
/// a cell.
fn code(text: &str) -> String {
    match text.trim() {
        "" => String::new(),
        text => format!("`{}`", text.replace('`', "'").replace('|', "\\|")),
    }
}

/// The body of an issue that remembers this state.
pub fn body(state: &State) -> String {
    format!(
        "{}\n\n{}\n`cargo xtask alarm` keeps this issue: it comments when the cause changes, \
         closes the issue when all is well, and opens it again when it is not. Closed as *not \
         planned*, it stays closed until there is another cause.\n\n{}\n",
        headline(state),
        table(state),
        state.marker()
    )
}

/// The comment on a recovery.
pub fn recovered(place: &str, run: Option<&str>) -> String {
    let place = match place {
        image if is_image(image) => format!("the {image} is young"),
        job => format!("{} succeeded", code(job)),
    };
    match run {
        Some(run) => format!("Recovered: [{place}]({run})."),
        None => format!("Recovered: {place}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_says_what_it_is_and_what_to_do() {
        let mut seen = std::collections::BTreeSet::new();
        for cause in Cause::ALL {
            let (what, act) = meaning(cause);
            assert!(seen.insert(what) && seen.insert(act), "{cause}");
            // They are parts of a sentence.
            assert!(!what.ends_with('.') && !act.ends_with('.'), "{cause}");
        }
    }

    #[test]
    fn foreign_text_means_nothing() {
        assert_eq!(code("@all `x` | y"), "`@all 'x' \\| y`");
        assert_eq!(code(" "), "");
    }
}
