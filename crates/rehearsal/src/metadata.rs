//! GitHub and Fedora of a rehearsal, each night under a path of its own.

use image_config::Config;
use jiff::Timestamp;
use registry_compat::{Digest, KmodTag};
use remote::loopback::{Loopback, Reply, Request};
use serde_json::json;
use version_discovery::Arch;

use super::scenarios::Fedora;
use crate::error::Error;

/// The release that has moved on, and its kernel. Nobody ever builds of it.
const NEXT_FCOS: &str = "44.20260803.3.1";
const NEXT_KERNEL: &str = "7.2.0-200.fc44";

/// What the stand-ins are.
pub struct Published {
    /// The release that the stand-in for the base plays.
    pub fcos: &'static str,
    /// The base in the registry.
    pub base: Digest,
    /// What the stand-in for the kmods image is for.
    pub kmods: KmodTag,
    /// This machine's.
    pub arch: Arch,
    /// The time of the rehearsal: rollouts are counted back from it.
    pub now: Timestamp,
}

/// Starts the server.
///
/// # Errors
/// If there is no free port.
pub fn server(config: &Config, what: Published) -> Result<Loopback, Error> {
    let repository = config.base.image.to_string();
    let stream = config.base.stream.to_string();
    let releases = format!("/repos/{}/releases", config.zfs.repository);
    let index = format!("/prod/streams/{stream}/releases.json");
    let updates = format!("/updates/{stream}.json");
    let builds = format!("/prod/streams/{stream}/builds/");
    Ok(Loopback::start(move |request: &Request| {
        let path = request.path.split('?').next().unwrap_or_default();
        let Some((night, path)) = path.trim_start_matches('/').split_once('/') else {
            return Reply::new(404, "application/json", "{}");
        };
        let path = format!("/{path}");
        let versions: &[&str] = match Fedora::of_path(night) {
            Fedora::Same => &[what.fcos],
            Fedora::Moved => &[what.fcos, NEXT_FCOS],
            Fedora::Gone => &[NEXT_FCOS],
        };
        let answer = if path == releases {
            let release = |tag: &str, prerelease| json!({"tag_name": tag, "draft": false, "prerelease": prerelease});
            json!([
                release("zfs-2.2.9", false),
                release(&what.kmods.zfs.tag(), false),
                release("zfs-9.0.0-rc1", true),
            ])
        } else if path == index {
            let release = |version: &&str| {
                json!({
                    "version": version,
                    "commits": [{"architecture": what.arch.rpm(), "checksum": what.base.hex()}],
                    "oci-images": [{
                        "architecture": what.arch.rpm(),
                        "image": format!("{repository}:{stream}"),
                        "digest-ref": format!("{repository}@{}", what.base),
                    }],
                })
            };
            let list: Vec<_> = versions.iter().map(release).collect();
            json!({"stream": stream, "releases": list})
        } else if path == updates {
            // Out for three days, and the one before for two weeks more.
            let entry = |(back, version): (i64, &&str)| {
                let start = what.now.as_second() - (3 + 14 * back) * 86_400;
                let rollout = json!({
                    "start_epoch": start, "start_percentage": 0.0, "duration_minutes": 1440,
                });
                json!({"version": version, "metadata": {"rollout": rollout}})
            };
            let list: Vec<_> = (0..).zip(versions.iter().rev()).map(entry).collect();
            json!({"stream": stream, "releases": list})
        } else if let Some(rest) = path.strip_prefix(&builds) {
            let kernel = what.kmods.kernel.to_string();
            let next = format!("{NEXT_KERNEL}.{}", what.arch);
            let moved = rest.starts_with(NEXT_FCOS);
            let kernel = if moved { &next } else { &kernel };
            let (version, rest) = kernel.split_once('-').unwrap_or_default();
            let (release, arch) = rest.rsplit_once('.').unwrap_or_default();
            json!({"rpmostree.rpmdb.pkglist": [
                ["bash", "0", "5.3.0", "2.fc44", arch],
                ["kernel-core", "0", version, release, arch],
            ]})
        } else {
            return Reply::new(404, "text/html", "<html>not here</html>");
        };
        Reply::new(200, "application/json", answer.to_string())
    })?)
}
