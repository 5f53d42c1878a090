//! What kind of thing went wrong: a pure function over the error and the step.

use std::fmt;

use host::Done;
use host::failure::{Failure, Kind};
use registry_compat::{Trouble, Unknown};
use serde::{Deserialize, Serialize};

/// Kinds of failure. The order is that of a headline: what a person has to look
/// at comes before what may pass by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A key, a signature, a policy.
    Signing,
    /// The built image is not what it must be.
    Contract,
    /// The image could not be built.
    Build,
    /// `image.yaml`, a secret, a pin, a machine.
    Configuration,
    /// No modules for the kernel.
    Skew,
    /// A registry.
    Registry,
    /// The connection, Fedora's servers, or GitHub.
    Network,
    /// None of these.
    Unknown,
    /// The image did not come up in a virtual machine, or was not what it had
    /// promised.
    Boot,
    /// The published image is old, and no job says why.
    Stale,
    /// The kernel modules of our own could not be built.
    Modules,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Signing,
        Self::Contract,
        Self::Build,
        Self::Configuration,
        Self::Skew,
        Self::Registry,
        Self::Network,
        Self::Unknown,
        Self::Boot,
        Self::Stale,
        Self::Modules,
    ];
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signing => "signing",
            Self::Contract => "contract",
            Self::Build => "build",
            Self::Configuration => "configuration",
            Self::Skew => "kernel/ZFS skew",
            Self::Registry => "registry",
            Self::Network => "network",
            Self::Unknown => "unknown",
            Self::Boot => "boot",
            Self::Stale => "old image",
            Self::Modules => "kernel modules",
        })
    }
}

/// The kind of an error, in this step of a plan if it was in one.
pub fn of_error(error: &dyn Failure, step: Option<&str>) -> Cause {
    match error.kind() {
        Kind::Configuration => Cause::Configuration,
        Kind::Unanswered(why) => of_silence(why),
        Kind::Registry => Cause::Registry,
        Kind::Network => Cause::Network,
        Kind::Step(named) => of_step(named)
            .or_else(|| step.and_then(of_step))
            .unwrap_or(Cause::Unknown),
        Kind::Command(command) => {
            let by_step = step.and_then(of_step).unwrap_or(Cause::Build);
            // The build's step pulls and the push's step builds nothing.
            match command.split_whitespace().nth(1) {
                Some("push" | "pull" | "login") => Cause::Registry,
                _ => by_step,
            }
        }
        Kind::Interrupted | Kind::Other => step.and_then(of_step).unwrap_or(Cause::Unknown),
    }
}

/// The cause of a task that ended with a negative answer.
pub fn of_answer(done: Done, task: &str) -> Cause {
    match (done, task) {
        (Done::NotYet, _) => Cause::Skew,
        (Done::Refused, _) => Cause::Configuration,
        (Done::Unknown, _) => Cause::Network,
        (_, "cleanup" | "diff") => Cause::Registry,
        (_, "verify" | "promote" | "publish" | "keys") => Cause::Signing,
        (_, "vm") => Cause::Contract,
        (_, "boot") => Cause::Boot,
        (_, "kmods") => Cause::Modules,
        (_, "build" | "test-build" | "check" | "rehearse") => Cause::Build,
        (_, "ignition") => Cause::Configuration,
        _ => Cause::Unknown,
    }
}

/// The cause of a failed workflow step that is not one of our tasks, by the name
/// that the workflow gives it.
pub fn of_foreign_step(name: &str) -> Cause {
    let name = name.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if has(&["attest", "sign"]) {
        Cause::Signing
    } else if has(&["login", "log in", "registry"]) {
        Cause::Registry
    } else if has(&["checkout", "cache", "artifact", "set up job", "download"]) {
        Cause::Network
    } else {
        Cause::Unknown
    }
}

/// The cause for the name of a plan's step, or of an error's step.
fn of_step(step: &str) -> Option<Cause> {
    Some(match step.split_whitespace().next()? {
        "build" | "packages" => Cause::Build,
        "boot" => Cause::Boot,
        "modules" => Cause::Modules,
        "contract" | "first" | "switch" => Cause::Contract,
        "key" | "signing" | "trust" | "host" | "sign" | "signed" | "control" | "inputs" => {
            Cause::Signing
        }
        "fetch" | "pull" | "push" | "read" | "take" | "join" | "attach" | "name" | "promote"
        | "confirm" | "retract" | "base" | "measure" | "history" => Cause::Registry,
        // A kmods image whose labels contradict its tag.
        "kmods" => Cause::Skew,
        "gather" | "facts" | "kernel" | "forecast" | "Fedora" => Cause::Network,
        "lock" => Cause::Configuration,
        _ => return None,
    })
}

/// Whether it was a registry that did not answer: its addresses contain `/v2/`, or
/// are names of images; those of Fedora and GitHub are URLs without `/v2/`.
fn of_silence(why: &Unknown) -> Cause {
    let elsewhere = why.detail.contains("://") && !why.detail.contains("/v2/");
    match why.trouble {
        Trouble::Configuration => Cause::Configuration,
        Trouble::Unreachable => Cause::Network,
        _ if elsewhere => Cause::Network,
        _ => Cause::Registry,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use image_build::Error;
    use image_publish::Steps as _;
    use image_publish::plan::{Goal, plan};
    use version_discovery::{Gap, NotKnown, Question};

    use super::*;

    fn silence(trouble: Trouble, detail: &str) -> Error {
        Error::Unknown(Unknown {
            trouble,
            detail: detail.to_owned(),
        })
    }

    fn step(step: &str) -> Error {
        Error::Step {
            step: step.to_owned(),
            detail: String::new(),
        }
    }

    fn command(command: &str) -> Error {
        let failed = host::Error::Command {
            command: command.to_owned(),
            status: String::new(),
            code: None,
            tail: Vec::new(),
        };
        failed.into()
    }

    fn undecided(question: Question) -> Error {
        Error::Undecided(Box::new(NotKnown {
            gaps: vec![Gap {
                question,
                why: None,
            }],
            otherwise: None,
        }))
    }

    #[test]
    fn every_error_is_of_a_kind() {
        let registry = "https://ghcr.io/v2/o/n/manifests/stable: HTTP 503";
        let fedora = "https://builds.coreos.fedoraproject.org/x: HTTP 503";
        for (error, during, cause) in [
            (Error::Usage(String::new()), None, Cause::Configuration),
            (Error::Refused(String::new()), None, Cause::Configuration),
            (
                silence(Trouble::Unreachable, registry),
                None,
                Cause::Network,
            ),
            (
                silence(Trouble::ServerError, registry),
                None,
                Cause::Registry,
            ),
            (
                silence(Trouble::Denied, "ghcr.io/o/n: no"),
                None,
                Cause::Registry,
            ),
            (silence(Trouble::RateLimited, fedora), None, Cause::Network),
            (
                silence(Trouble::Configuration, registry),
                None,
                Cause::Configuration,
            ),
            (undecided(Question::Releases), None, Cause::Network),
            (
                undecided(Question::Kmods("k".to_owned())),
                None,
                Cause::Registry,
            ),
            (step("contract"), None, Cause::Contract),
            (step("signing key"), None, Cause::Signing),
            (step("host"), None, Cause::Signing),
            (step("read back"), None, Cause::Registry),
            (step("kmods image ghcr.io/o/k:t"), None, Cause::Skew),
            (step("something"), Some("promote"), Cause::Registry),
            (step("something"), None, Cause::Unknown),
            (
                command("podman build --no-cache"),
                Some("build"),
                Cause::Build,
            ),
            (command("podman push x"), Some("push"), Cause::Registry),
            (command("podman pull x"), Some("build"), Cause::Registry),
            (
                command("podman run --rm x"),
                Some("contract"),
                Cause::Contract,
            ),
            (command("podman run --rm x"), Some("host"), Cause::Signing),
            (command("podman run --rm x"), None, Cause::Build),
            (
                Error::Remote(remote::Error::NotFound(String::new())),
                None,
                Cause::Registry,
            ),
            (
                host::Error::File {
                    verb: "write",
                    path: PathBuf::from("x"),
                    source: std::io::ErrorKind::StorageFull.into(),
                }
                .into(),
                Some("build"),
                Cause::Build,
            ),
        ] {
            assert_eq!(of_error(&error, during), cause, "{error} in {during:?}");
        }
    }

    #[test]
    fn every_step_of_a_publication_is_of_a_kind() {
        let (mut config, lock, local) = image_build::testing::locked();
        for unsigned in [config.signing.unsigned.take(), None] {
            config.signing.unsigned = unsigned;
            let plan = plan(Goal::Publish, &config, &lock, &local).unwrap();
            assert!(plan.steps().len() > 5);
            for step in plan.steps() {
                assert!(of_step(step.name).is_some(), "{}", step.name);
            }
        }
    }

    #[test]
    fn answers_and_other_peoples_steps_are_too() {
        assert_eq!(of_answer(Done::NotYet, "resolve"), Cause::Skew);
        assert_eq!(of_answer(Done::CheckFailed, "cleanup"), Cause::Registry);
        assert_eq!(of_answer(Done::CheckFailed, "verify"), Cause::Signing);
        assert_eq!(of_answer(Done::Refused, "cleanup"), Cause::Configuration);
        for (name, cause) in [
            ("Run actions/attest@0123", Cause::Signing),
            ("Run actions/checkout@0123", Cause::Network),
            ("Set up job", Cause::Network),
            ("Log in to ghcr.io", Cause::Registry),
            ("Make tea", Cause::Unknown),
        ] {
            assert_eq!(of_foreign_step(name), cause, "{name}");
        }
    }
}
