//! The arguments of the tasks that make, judge and move an image.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use image_build::engine::Engine;
use image_build::inputs::FactsFiles;
use image_config::Reason;
use image_publish::build_inputs::BuildOptions;
use image_publish::plan::Goal;
use registry_compat::ImageRef;
use version_discovery::Arch;

use super::facts::FactsArgs;

/// What `build` and `test-build` share.
#[derive(Debug, Clone, Default, Args)]
pub struct Inputs {
    /// Build exactly what this lock says
    #[arg(long, value_name = "FILE", conflicts_with_all = ["facts", "save_facts"])]
    pub locked: Option<PathBuf>,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Use this engine instead of the first that is installed
    #[arg(long, value_name = "ENGINE")]
    pub engine: Option<Engine>,
    /// Build for this architecture, which the machine has to emulate (qemu-user)
    #[arg(long, value_name = "ARCH")]
    pub arch: Option<Arch>,
    /// Facts.
    #[command(flatten)]
    pub facts: FactsArgs,
}

impl Inputs {
    /// What is wanted to be built, of these.
    pub fn wanted<'a>(&'a self, goal: Goal, facts: &'a FactsFiles) -> BuildOptions<'a> {
        BuildOptions {
            goal,
            engine: self.engine,
            facts,
            locked: self.locked.as_deref(),
            like: None,
            force: None,
            pushed: None,
            dry_run: self.dry_run,
        }
    }
}

/// `build`.
#[derive(Debug, Clone, Default, Args)]
pub struct BuildArgs {
    /// Push the image, and move the tags of image.yaml once it is proven
    #[arg(long)]
    pub publish: bool,
    /// Push the image under the candidate tag, for `publish` to go on
    #[arg(long, conflicts_with = "publish")]
    pub push: bool,
    /// Note what was pushed in a file of this folder, for `publish --pushed`
    #[arg(long, value_name = "DIR", requires = "push")]
    pub pushed: Option<PathBuf>,
    /// Build of the very inputs of this image, NAME@DIGEST
    #[arg(
        long,
        value_name = "IMAGE",
        conflicts_with_all = ["locked", "facts", "save_facts", "force"]
    )]
    pub like: Option<ImageRef>,
    /// Build though nothing changed; the reason becomes a label
    #[arg(long, value_name = "REASON")]
    pub force: Option<Reason>,
    /// Inputs.
    #[command(flatten)]
    pub inputs: Inputs,
}

/// `test-build`.
#[derive(Debug, Clone, Default, Args)]
pub struct TestBuildArgs {
    /// That nothing can be built yet is no failure
    #[arg(long)]
    pub if_possible: bool,
    /// Inputs.
    #[command(flatten)]
    pub inputs: Inputs,
}

/// Images, parted by spaces: an argument can be several, or none.
#[derive(Debug, Clone)]
pub struct Images(pub Vec<ImageRef>);

impl std::str::FromStr for Images {
    type Err = registry_compat::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = text.split_whitespace().map(str::parse);
        Ok(Self(all.collect::<Result<_, _>>()?))
    }
}

/// `publish`.
#[derive(Debug, Clone, Args)]
pub struct PublishArgs {
    /// What `build --push` pushed, NAME@DIGEST, one for each architecture
    #[arg(value_name = "IMAGE", required_unless_present = "pushed")]
    pub images: Vec<Images>,
    /// Take what `build --push --pushed` has noted in this folder
    #[arg(long, value_name = "DIR", conflicts_with = "images")]
    pub pushed: Option<PathBuf>,
    /// That an architecture was not pushed is no failure: its build says why
    #[arg(long, requires = "pushed")]
    pub if_complete: bool,
    /// The lock that they were built from
    #[arg(long, value_name = "FILE")]
    pub locked: PathBuf,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Use this engine instead of the first that is installed
    #[arg(long, value_name = "ENGINE")]
    pub engine: Option<Engine>,
}

/// `verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// The image, with its registry
    pub image: ImageRef,
    /// Build it again from its own lock, and name the files that differ
    #[arg(long)]
    pub rebuild: bool,
    /// Use this engine instead of the first that is installed
    #[arg(long, value_name = "ENGINE")]
    pub engine: Option<Engine>,
}

/// `diff`.
#[derive(Debug, Clone, Args)]
pub struct DiffArgs {
    /// The first image, with its registry
    pub before: ImageRef,
    /// The second
    pub after: ImageRef,
    /// Print Markdown, for release notes
    #[arg(long)]
    pub markdown: bool,
    /// Use this engine for an image without SBOM
    #[arg(long, value_name = "ENGINE")]
    pub engine: Option<Engine>,
}

/// `promote`.
#[derive(Debug, Clone, Args)]
pub struct PromoteArgs {
    /// The image, by digest
    pub image: ImageRef,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Use this engine instead of the first that is installed
    #[arg(long, value_name = "ENGINE")]
    pub engine: Option<Engine>,
}

/// `rollback`.
#[derive(Debug, Clone, Args)]
pub struct RollbackArgs {
    /// Go to this one instead of the last good one
    #[arg(long, value_name = "TAG|DIGEST")]
    pub to: Option<String>,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `retract`.
#[derive(Debug, Clone, Args)]
pub struct RetractArgs {
    /// A tag or digest of our image
    #[arg(value_name = "TAG|DIGEST")]
    pub image: String,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `keys`.
#[derive(Debug, Clone, Args)]
pub struct KeysArgs {
    /// What to do.
    #[command(subcommand)]
    pub task: KeysTask,
}

/// What there is to do with keys.
#[derive(Debug, Clone, Subcommand)]
pub enum KeysTask {
    /// Make a pair; write its public half and the policy into rootfs/
    ///
    /// The password is read from where `signing.password` in image.yaml says.
    ///
    /// Example: cargo xtask keys new
    New(NewKeyArgs),
    /// Have hosts demand the pair's signature of every image of image.yaml
    ///
    /// After an image was added to `images`, or renamed: writes policy.json and
    /// registries.d into rootfs/ anew, for the key that is there.
    ///
    /// Example: cargo xtask keys policy
    Policy,
}

/// `keys new`.
#[derive(Debug, Clone, Args)]
pub struct NewKeyArgs {
    /// Where the private half goes; else where image.yaml has it, or cosign.key
    #[arg(long, value_name = "FILE")]
    pub private_key: Option<PathBuf>,
    /// Seal it with no password
    #[arg(long)]
    pub no_password: bool,
    /// Write over a pair that is there
    #[arg(long)]
    pub replace: bool,
    /// Make a certificate that signs kernel modules for Secure Boot, and its key
    #[arg(long, conflicts_with = "no_password")]
    pub modules: bool,
}
