//! Fedora CoreOS build metadata.

use registry_compat::{Answer, Trouble};
use serde::Deserialize;
use version_discovery::{Arch, FcosVersion, KernelVersion, Stream};

use crate::github::decode;
use crate::{Agent, Error};

/// The one key of `commitmeta.json` that is used: a list of
/// `[name, epoch, version, release, arch]`.
#[derive(Deserialize)]
struct CommitMeta {
    #[serde(rename = "rpmostree.rpmdb.pkglist")]
    packages: Vec<(String, String, String, String, String)>,
}

/// The kernel of a release, from
/// `{base}/streams/{stream}/builds/{version}/{arch}/commitmeta.json`.
///
/// `base` is `https://builds.coreos.fedoraproject.org/prod` or a mirror of it.
/// *Absent* when Fedora has no such document, *unknown* when it could not be
/// read or does not name exactly one kernel.
pub fn kernel(
    agent: &Agent,
    base: &str,
    stream: &Stream,
    version: &FcosVersion,
    arch: Arch,
) -> Answer<KernelVersion> {
    let url = format!("{base}/streams/{stream}/builds/{version}/{arch}/commitmeta.json");
    match read(agent, &url) {
        Ok(Some(kernel)) => Answer::Present(kernel),
        Ok(None) => Answer::Absent,
        Err(Error::Unknown(why)) => Answer::Unknown(why),
        Err(other) => Answer::Unknown(registry_compat::Unknown {
            trouble: Trouble::Garbled,
            detail: other.to_string(),
        }),
    }
}

fn read(agent: &Agent, url: &str) -> Result<Option<KernelVersion>, Error> {
    let reply = agent.get(url, &[], None)?;
    match reply.status {
        200 => {}
        404 => return Ok(None),
        other => {
            return Err(Error::unknown(
                Trouble::Garbled,
                format!("{url}: HTTP {other}"),
            ));
        }
    }
    let meta: CommitMeta = decode(url, &reply)?;
    let kernels: Vec<_> = meta
        .packages
        .iter()
        .filter(|(name, ..)| name == "kernel-core")
        .collect();
    match kernels.as_slice() {
        [(_, _, version, release, arch)] => KernelVersion::from_rpm(version, release, arch)
            .map(Some)
            .map_err(|error| Error::unknown(Trouble::Garbled, format!("{url}: {error}"))),
        other => Err(Error::unknown(
            Trouble::Garbled,
            format!(
                "{url}: {} packages named kernel-core, wanted one",
                other.len()
            ),
        )),
    }
}
