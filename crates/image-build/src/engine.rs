//! The container engine: which one, and the command lines that it is given.
//! Pure; the one place that knows how `podman`, `buildah` and `docker` differ.

mod trouble;

use std::fmt;
use std::path::{Path, PathBuf};

use host::process::Invocation;
use registry_compat::ImageRef;
use serde::{Deserialize, Serialize};

pub use trouble::passing;

/// The program that builds, in order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// Podman, the engine of Fedora.
    Podman,
    /// Buildah alone: it builds and runs, but runs in a container that it can
    /// write to (and that is thrown away).
    Buildah,
    /// Docker with BuildKit. It does not read `registries.conf`.
    Docker,
}

/// The folder that holds the build: context, Containerfile, contract.
pub const CONTEXT: &str = "containerfiles/custom-coreos";

/// Name of the throw-away container of a contract under `buildah`. Each run replaces
/// the placeholder `RUN` with an id of its own: two builds at the same time have two
/// containers, and a container that a killed run left behind does not disturb later
/// runs.
const CONTRACT_CONTAINER: &str = "custom-coreos-contract-RUN";

/// The folder, in the checkout, that an image is reassembled in. `RUN` is replaced as
/// above.
pub const LAYERS_FOLDER: &str = "target/layers-RUN";

/// A command with the run's own names in place of the placeholder.
pub fn in_run(call: &Invocation, run: &str) -> Invocation {
    let mut call = call.clone();
    for arg in &mut call.args {
        let name = arg.strip_prefix("--name=").unwrap_or(arg);
        if name == CONTRACT_CONTAINER || arg.contains(LAYERS_FOLDER) {
            *arg = arg.replace("-RUN", &format!("-{run}"));
        }
    }
    call
}

/// A folder to build, and how.
#[derive(Debug, Clone)]
pub struct Folder<'a> {
    /// Its place, below the checkout.
    pub context: &'a str,
    /// The Containerfile in it.
    pub file: &'a str,
    /// The name of the result on this machine.
    pub name: &'a str,
    /// A secret: its name in the Containerfile, and where it is (`env=NAME`, `src=FILE`).
    pub secret: Option<(&'a str, String)>,
    /// Build arguments.
    pub arguments: &'a [(&'a str, String)],
    /// Labels of the result.
    pub labels: &'a [(&'a str, String)],
}

/// Options that every engine understands: no network, no privileges, no pull.
const SANDBOX: [&str; 3] = [
    "--network=none",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
];

impl Engine {
    /// All, the preferred one first.
    pub const ALL: [Self; 3] = [Self::Podman, Self::Buildah, Self::Docker];

    /// The program's name.
    pub fn program(self) -> &'static str {
        match self {
            Self::Podman => "podman",
            Self::Buildah => "buildah",
            Self::Docker => "docker",
        }
    }

    fn call<S: Into<String>>(self, args: impl IntoIterator<Item = S>) -> Invocation {
        Invocation::new(self.program(), args)
    }

    /// Builds the context with these arguments and labels.
    pub fn build(
        self,
        name: &ImageRef,
        arguments: &[(&str, String)],
        labels: &[(&str, String)],
    ) -> Invocation {
        let mut args = vec!["build".to_owned()];
        // The layer cache would keep outdated packages, because neither the digests nor
        // the command line change when a package repository gets an update.
        args.push("--no-cache".to_owned());
        args.push(format!("--file={CONTEXT}/Containerfile"));
        args.push(format!("--tag={name}"));
        match self {
            // One layer for each instruction that needs one, and no image for
            // each step, which would stay behind on a laptop.
            Self::Podman | Self::Buildah => {
                args.extend(["--layers=false".to_owned(), "--format=oci".to_owned()]);
                // Every image was already fetched by digest and checked.
                args.push("--pull=never".to_owned());
            }
            // Without these options docker makes an index with an attestation instead
            // of an image. A pull cannot be forbidden, but docker uses the local image
            // if there is one.
            Self::Docker => args.extend(["--provenance=false".into(), "--load".into()]),
        }
        args.extend(
            arguments
                .iter()
                .map(|(key, value)| format!("--build-arg={key}={value}")),
        );
        args.extend(
            labels
                .iter()
                .map(|(key, value)| format!("--label={key}={value}")),
        );
        args.push(CONTEXT.to_owned());
        self.call(args)
    }

    /// A build that reaches nobody.
    pub fn without_network(self, mut build: Invocation) -> Invocation {
        build.args.insert(1, "--network=none".to_owned());
        build
    }

    /// Builds a folder that is not that of the image.
    pub fn build_folder(self, folder: &Folder<'_>) -> Invocation {
        let mut args = vec!["build".to_owned(), "--no-cache".to_owned()];
        args.push(format!("--file={}/{}", folder.context, folder.file));
        args.push(format!("--tag={}", folder.name));
        match self {
            Self::Podman | Self::Buildah => {
                args.extend(["--layers=false".into(), "--format=oci".into()]);
                args.push("--pull=never".to_owned());
            }
            Self::Docker => args.extend(["--provenance=false".into(), "--load".into()]),
        }
        let secrets = folder.secret.iter();
        args.extend(secrets.map(|(id, place)| format!("--secret=id={id},{place}")));
        let arguments = folder.arguments.iter();
        args.extend(arguments.map(|(key, value)| format!("--build-arg={key}={value}")));
        let labels = folder.labels.iter();
        args.extend(labels.map(|(key, value)| format!("--label={key}={value}")));
        args.push(folder.context.to_owned());
        self.call(args)
    }

    /// Runs the contract in an image: standard input is the script, standard
    /// output its report. Under `buildah` the first call makes the container;
    /// [`Self::contract_cleanup`] removes it.
    pub fn contract(self, image: &str, variables: &[(&str, String)]) -> Vec<Invocation> {
        self.script(image, "contract.sh", variables)
    }

    /// Runs any script of the build's folder in the same way.
    pub fn script(self, image: &str, name: &str, variables: &[(&str, String)]) -> Vec<Invocation> {
        self.contained(image, name, variables, &SANDBOX, &["--read-only"])
    }

    /// Runs a script in the same way that may use the network and write to `/var/tmp`.
    /// The variables in `passed` come from the environment of the engine.
    pub fn reaching_script(
        self,
        image: &str,
        name: &str,
        variables: &[(&str, String)],
        passed: &[&str],
    ) -> Vec<Invocation> {
        let mut options = vec!["--network=host", SANDBOX[1], SANDBOX[2]];
        let passed: Vec<String> = passed.iter().map(|name| format!("--env={name}")).collect();
        options.extend(passed.iter().map(String::as_str));
        let more = ["--read-only", "--volume=/var/tmp"];
        self.contained(image, name, variables, &options, &more)
    }

    /// Runs a script of the checkout, which checks an image, as [`Self::contract`] runs
    /// ours. Under `buildah` in the container that it has made.
    pub fn own_check(
        self,
        image: &str,
        path: &str,
        variables: &[(&str, String)],
    ) -> Option<Invocation> {
        let call = self.script(image, "", variables).pop()?;
        Some(Invocation {
            stdin: Some(PathBuf::from(path)),
            ..call
        })
    }

    /// Builds a folder of the checkout as an image that a later build uses. Its layers
    /// stay in the engine's cache.
    pub fn build_part(self, name: &ImageRef, containerfile: &str, context: &str) -> Invocation {
        let mut args = vec!["build".to_owned(), format!("--file={containerfile}")];
        args.push(format!("--tag={name}"));
        match self {
            Self::Podman | Self::Buildah => args.push("--pull=never".to_owned()),
            Self::Docker => args.extend(["--provenance=false".into(), "--load".into()]),
        }
        args.push(context.to_owned());
        self.call(args)
    }

    /// Writes an image to a file.
    pub fn save(self, image: &str, file: &Path) -> Invocation {
        let file = file.display();
        match self {
            Self::Podman => self.call([
                "save".to_owned(),
                "--format=oci-archive".to_owned(),
                format!("--output={file}"),
                image.to_owned(),
            ]),
            Self::Buildah => self.call([
                "push".to_owned(),
                image.to_owned(),
                format!("oci-archive:{file}:{image}"),
            ]),
            Self::Docker => self.call([
                "save".to_owned(),
                format!("--output={file}"),
                image.to_owned(),
            ]),
        }
    }

    /// Reads an image from such a file.
    pub fn load(self, file: &Path) -> Invocation {
        match self {
            Self::Podman | Self::Docker => {
                self.call(["load".to_owned(), format!("--input={}", file.display())])
            }
            Self::Buildah => {
                self.call(["pull".to_owned(), format!("oci-archive:{}", file.display())])
            }
        }
    }

    fn contained(
        self,
        image: &str,
        name: &str,
        variables: &[(&str, String)],
        options: &[&str],
        more: &[&str],
    ) -> Vec<Invocation> {
        let script = Some(PathBuf::from(CONTEXT).join(name));
        let variables = variables
            .iter()
            .map(|(key, value)| format!("--env={key}={value}"));
        let with_script = |invocation: Invocation| Invocation {
            stdin: script.clone(),
            ..invocation
        };
        let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        match self {
            Self::Podman | Self::Docker => {
                let mut args = vec!["run".to_owned(), "--rm".into(), "--interactive".into()];
                args.extend(owned(options));
                args.extend(owned(more));
                args.push("--pull=never".into());
                args.extend(variables);
                args.extend([
                    "--entrypoint=/bin/bash".into(),
                    image.to_owned(),
                    "-s".into(),
                ]);
                vec![with_script(self.call(args))]
            }
            Self::Buildah => {
                let name = format!("--name={CONTRACT_CONTAINER}");
                let mut args = vec!["run".to_owned()];
                // Buildah has no option `no-new-privileges`.
                let known = |option: &&&str| !option.starts_with("--security-opt");
                args.extend(options.iter().filter(known).map(ToString::to_string));
                args.extend(variables);
                args.extend(["--", CONTRACT_CONTAINER, "/bin/bash", "-s"].map(str::to_owned));
                vec![
                    self.call(["from", name.as_str(), "--pull-never", image]),
                    with_script(self.call(args)),
                ]
            }
        }
    }

    /// Removes what the contract leaves behind, whether it passed or not.
    pub fn contract_cleanup(self) -> Option<Invocation> {
        (self == Self::Buildah).then(|| self.call(["rm", CONTRACT_CONTAINER]))
    }

    /// Copies a local image to a registry.
    pub fn push(self, name: &ImageRef, to: &ImageRef, insecure: bool) -> Vec<Invocation> {
        match self {
            Self::Podman | Self::Buildah => {
                let mut args = vec!["push".to_owned()];
                if insecure {
                    args.push("--tls-verify=false".to_owned());
                }
                args.extend([name.to_string(), format!("docker://{to}")]);
                vec![self.call(args)]
            }
            // Docker pushes only what carries the destination's name.
            Self::Docker => vec![
                self.call(["tag".to_owned(), name.to_string(), to.to_string()]),
                self.call(["push".to_owned(), to.to_string()]),
            ],
        }
    }

    /// Copies a local image into a folder: its manifest, and its layers uncompressed.
    /// `None` for docker, which cannot do that.
    /// Source: `containers-transports(5)`, "dir:path".
    pub fn export(self, name: &ImageRef, folder: &str) -> Option<Invocation> {
        let to = format!("dir:{folder}");
        match self {
            Self::Podman | Self::Buildah => Some(self.call([
                "push".to_owned(),
                "--quiet".to_owned(),
                name.to_string(),
                to,
            ])),
            Self::Docker => None,
        }
    }

    /// Fetches an image by digest.
    pub fn pull(self, image: &str, insecure: bool) -> Invocation {
        let mut args = vec!["pull".to_owned()];
        if insecure && self != Self::Docker {
            args.push("--tls-verify=false".to_owned());
        }
        args.push(image.to_owned());
        self.call(args)
    }

    /// Asks for the id of a local image: the digest of its config.
    pub fn image_id(self, name: &str) -> Invocation {
        match self {
            Self::Buildah => {
                self.call(["inspect", "--type=image", "--format={{.FromImageID}}", name])
            }
            Self::Podman | Self::Docker => {
                self.call(["image", "inspect", "--format={{.Id}}", name])
            }
        }
    }

    /// Asks for the labels of a local image, as one JSON object.
    pub fn labels(self, name: &str) -> Invocation {
        match self {
            Self::Buildah => self.call([
                "inspect",
                "--type=image",
                "--format={{json .OCIv1.Config.Labels}}",
                name,
            ]),
            Self::Podman => self.call(["image", "inspect", "--format={{json .Labels}}", name]),
            Self::Docker => {
                self.call(["image", "inspect", "--format={{json .Config.Labels}}", name])
            }
        }
    }

    /// Asks the RPM database of an image for its kernel: the last of the three
    /// sources. `None` under `buildah`, which has no one-line `run`.
    pub fn kernel_query(self, image: &ImageRef) -> Option<Invocation> {
        if self == Self::Buildah {
            return None;
        }
        let mut args = vec!["run".to_owned(), "--rm".into()];
        args.extend(SANDBOX.map(str::to_owned));
        args.extend(["--entrypoint=rpm".to_owned(), image.to_string()]);
        args.extend(
            [
                "-q",
                "kernel-core",
                "--qf",
                "%{VERSION}-%{RELEASE}.%{ARCH}\\n",
            ]
            .map(str::to_owned),
        );
        Some(self.call(args))
    }

    /// Removes a local image.
    pub fn remove(self, name: &str) -> Invocation {
        match self {
            Self::Podman | Self::Buildah => self.call(["rmi", name]),
            Self::Docker => self.call(["image", "rm", name]),
        }
    }

    /// Removes a local image by its id, with its names, and with the containers of it
    /// that were cut off.
    pub fn remove_with_containers(self, id: &str) -> Invocation {
        match self {
            Self::Podman | Self::Buildah => self.call(["rmi", "--force", id]),
            Self::Docker => self.call(["image", "rm", "--force", id]),
        }
    }

    /// Asks for all local images: id and name without tag, a line for each name.
    pub fn images(self) -> Invocation {
        let name = match self {
            Self::Buildah => "{{.Name}}",
            Self::Podman | Self::Docker => "{{.Repository}}",
        };
        self.call(["images".to_owned(), format!("--format={{{{.ID}}}} {name}")])
    }

    /// Asks for the engine's own version.
    pub fn version(self) -> Invocation {
        self.call(["--version"])
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.program())
    }
}
