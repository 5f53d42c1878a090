//! The arguments of `kmods`.

use clap::{Args, Subcommand};
use image_build::engine::Engine;
use registry_compat::KmodTag;
use version_discovery::{KernelVersion, ZfsVersion};

/// `kmods`.
#[derive(Debug, Clone, Args)]
pub struct KmodsArgs {
    /// What to do.
    #[command(subcommand)]
    pub task: KmodsTask,
}

/// What there is to do with kernel modules.
#[derive(Debug, Clone, Subcommand)]
pub enum KmodsTask {
    /// Build them, to an image on this machine
    ///
    /// Without a pair: what the choice asks for, on this architecture. That there
    /// is nothing to build is an answer (exit code 0).
    ///
    /// Example: cargo xtask kmods build --dry-run
    Build(KmodsBuildArgs),
    /// Build them, push them as a candidate, look into them, name them
    ///
    /// A build that fails for good is remembered beside the images, and not tried
    /// again with the same inputs.
    ///
    /// Example: cargo xtask kmods publish
    Publish(KmodsBuildArgs),
    /// Look into published ones: labels, signature, RPMs, modules
    ///
    /// Example: cargo xtask kmods verify --zfs 2.4.4 --kernel 7.1.4-200.fc44.x86_64
    Verify(KmodsVerifyArgs),
    /// Say what is there, what can be built, and what failed
    ///
    /// Example: cargo xtask kmods status
    Status(KmodsStatusArgs),
}

/// A kernel and a release of OpenZFS.
#[derive(Debug, Clone, Default, Args)]
pub struct PairArgs {
    /// For this kernel, VERSION-RELEASE.ARCH
    #[arg(long, value_name = "KERNEL", requires = "zfs")]
    pub kernel: Option<KernelVersion>,
    /// Of this release of OpenZFS
    #[arg(long, value_name = "X.Y.Z", requires = "kernel")]
    pub zfs: Option<ZfsVersion>,
}

impl PairArgs {
    /// Both, if they were given.
    pub fn pair(&self) -> Option<KmodTag> {
        Some(KmodTag {
            kernel: self.kernel.clone()?,
            zfs: self.zfs?,
        })
    }
}

/// `kmods build` and `kmods publish`.
#[derive(Debug, Clone, Default, Args)]
pub struct KmodsBuildArgs {
    /// The pair.
    #[command(flatten)]
    pub pair: PairArgs,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Use this engine instead of the first that is installed
    #[arg(long, value_name = "ENGINE")]
    pub engine: Option<Engine>,
}

/// `kmods verify`.
#[derive(Debug, Clone, Default, Args)]
pub struct KmodsVerifyArgs {
    /// For this kernel, VERSION-RELEASE.ARCH
    #[arg(long, value_name = "KERNEL")]
    pub kernel: Option<KernelVersion>,
    /// Of this release of OpenZFS
    #[arg(long, value_name = "X.Y.Z")]
    pub zfs: Option<ZfsVersion>,
    /// Use this engine instead of the first that is installed
    #[arg(long, value_name = "ENGINE")]
    pub engine: Option<Engine>,
}

/// `kmods status`.
#[derive(Debug, Clone, Default, Args)]
pub struct KmodsStatusArgs {
    /// Say it to the steps of a workflow too: `kmods` and `kmods-matrix`. Where
    /// image.yaml builds none, that is the answer (exit code 0)
    #[arg(long)]
    pub decide: bool,
}
