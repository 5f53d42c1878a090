//! Fedora CoreOS metadata: the release index, the update metadata, and the
//! metadata of single builds. Bytes go to `version_discovery::fcos_metadata`.
//!
//! `root` is `https://builds.coreos.fedoraproject.org` or a mirror of it.

use registry_compat::{Answer, Trouble};
use version_discovery::{Arch, FcosVersion, KernelVersion, Stream, fcos_metadata};

use crate::{Agent, Error};

/// `releases.json` of a stream: every release there ever was, with its images.
///
/// # Errors
/// [`Error::NotFound`] if there is no such stream, [`Error::Unknown`] if it
/// could not be read.
pub fn release_index(agent: &Agent, root: &str, stream: &Stream) -> Result<Vec<u8>, Error> {
    required(
        agent,
        &format!("{root}/prod/streams/{stream}/releases.json"),
    )
}

/// `updates/STREAM.json`: barriers, dead ends and rollouts.
///
/// # Errors
/// As [`release_index`].
pub fn updates(agent: &Agent, root: &str, stream: &Stream) -> Result<Vec<u8>, Error> {
    required(agent, &format!("{root}/updates/{stream}.json"))
}

/// `streams/STREAM.json`: the disks of the newest release.
///
/// # Errors
/// As [`release_index`].
pub fn stream(agent: &Agent, root: &str, stream: &Stream) -> Result<Vec<u8>, Error> {
    required(agent, &format!("{root}/streams/{stream}.json"))
}

fn required(agent: &Agent, url: &str) -> Result<Vec<u8>, Error> {
    read(agent, url)?.ok_or_else(|| {
        Error::NotFound(format!(
            "{url}: HTTP 404; check `base.stream` and `urls.fcos-builds`"
        ))
    })
}

/// The kernel of a release, from the `commitmeta.json` of its build.
///
/// *Absent* when Fedora has no such document, *unknown* when it could not be
/// read or does not name exactly one kernel of that architecture.
pub fn kernel(
    agent: &Agent,
    root: &str,
    stream: &Stream,
    version: &FcosVersion,
    arch: Arch,
) -> Answer<KernelVersion> {
    let url = format!("{root}/prod/streams/{stream}/builds/{version}/{arch}/commitmeta.json");
    let found = read(agent, &url).and_then(|bytes| {
        let kernel = bytes.map(|bytes| fcos_metadata::kernel_from_commitmeta(&bytes, arch));
        kernel
            .transpose()
            .map_err(|error| Error::unknown(Trouble::Garbled, format!("{url}: {error}")))
    });
    match found {
        Ok(Some(kernel)) => Answer::Present(kernel),
        Ok(None) => Answer::Absent,
        Err(Error::Unknown(why)) => Answer::Unknown(why),
        Err(other) => Answer::Unknown(registry_compat::Unknown {
            trouble: Trouble::Garbled,
            detail: other.to_string(),
        }),
    }
}

fn read(agent: &Agent, url: &str) -> Result<Option<Vec<u8>>, Error> {
    let reply = agent.get(url, &[], None)?;
    match reply.status {
        200 => Ok(Some(reply.body)),
        404 => Ok(None),
        other => Err(Error::unknown(
            Trouble::Garbled,
            format!("{url}: HTTP {other}"),
        )),
    }
}
