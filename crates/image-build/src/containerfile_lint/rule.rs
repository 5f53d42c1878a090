//! The rules for Containerfiles, each with its reason, and what breaks one.

use std::fmt;

/// One violation of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// From 1.
    pub line: usize,
    /// Which rule.
    pub rule: Rule,
    /// What was found.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, rule, found } = self;
        write!(
            f,
            "line {line}: {}: {found}: {}",
            rule.name(),
            rule.reason()
        )
    }
}

macro_rules! rules {
    ($($rule:ident $name:literal $reason:literal,)*) => {
        /// What a Containerfile must be like here.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Rule {
            $(#[doc = $reason] $rule,)*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &[Self] = &[$(Self::$rule,)*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$rule => $name,)*
                }
            }

            /// Why it is a rule, in one sentence.
            pub fn reason(self) -> &'static str {
                match self {
                    $(Self::$rule => $reason,)*
                }
            }
        }
    };
}

rules! {
    BaseIsArgument "base-is-argument"
        "Every image from outside is a required build argument, because the lock alone says which one.",
    Latest "latest"
        "A tag such as `latest` is another image tomorrow.",
    AddUrl "add-url"
        "What is fetched while building is in no lock.",
    AddIsCopy "add-is-copy"
        "`ADD` unpacks and fetches by itself; `COPY` does what it says.",
    CopyAll "copy-all"
        "The build context is an allow-list, and so is what is copied of it.",
    ContainerOption "container-option"
        "docker, podman 4.3 and buildah 1.28 must all know the option.",
    Heredoc "heredoc"
        "buildah before 1.33, which Debian 12 has, knows no heredoc.",
    Sudo "sudo"
        "A build is root already, and `sudo` hides when it is not.",
    DownloadPipe "download-pipe"
        "What goes straight from the network into another program was checked by nobody.",
    SystemUpdate "system-update"
        "The base is pinned by digest; an update would make it something that nobody named.",
    Pipefail "pipefail"
        "Without `pipefail` only the last program of a pipe can fail; a script says it once.",
    OnePackageLayer "one-package-layer"
        "Packages and SELinux policy change in exactly one RUN: in a later layer the policy's store cannot be renamed.",
    LintLast "lint-last"
        "`bootc container lint` judges the image as it will be only when nothing follows it.",
    UndeclaredArgument "undeclared-argument"
        "A name that no ARG or ENV of its stage declares is empty, and nobody says so.",
    SecretName "secret-name"
        "Build arguments and variables stay in the image's history for everybody to read.",
    UserRoot "user-root"
        "The host boots this image as root, and layers on top of it are built as its last USER.",
    BootcLabel "bootc-label"
        "bootc and its tools know their images by the label containers.bootc=1.",
    ExecForm "exec-form"
        "A command in shell form runs below a shell, which keeps signals from it.",
    NotInOci "not-in-oci"
        "The OCI image format, which podman and buildah write, has no such thing.",
    UnknownInstruction "unknown-instruction"
        "No builder knows it, or not in this place.",
}
