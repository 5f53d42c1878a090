//! GitHub and Fedora of a rehearsal, each night under a path of its own.

use std::collections::BTreeMap;
use std::sync::Mutex;

use image_config::Config;
use jiff::Timestamp;
use registry_compat::{Digest, KmodTag};
use remote::loopback::{Loopback, Reply, Request};
use serde_json::json;
use version_discovery::Arch;

use super::scenarios::Fedora;
use crate::error::Error;
use crate::github::Github;

/// The release that has moved on, and its kernel. Nobody ever builds of it.
const NEXT_FCOS: &str = "44.20260803.3.1";
pub(crate) const NEXT_KERNEL: &str = "7.2.0-200.fc44";

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
    /// Other files of the web, by their path below a world.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Bases of other architectures in the registry.
    pub others: Vec<(Arch, Digest)>,
    /// The time of the rehearsal: rollouts are counted back from it.
    pub now: Timestamp,
}

/// A stream ahead of the one that is followed, the release that it has in each world,
/// and its kernel.
const AHEAD: [(&str, &str, &str); 2] = [
    ("testing", "44.20260810.2.0", "7.2.3-200.fc44"),
    ("next", "44.20260810.1.0", "7.3.0-200.fc44"),
];

/// The kernels that OpenZFS says it supports. Source: its file `META`.
const META: &str = "Meta: 1\nName: zfs\nLinux-Maximum: 7.2\nLinux-Minimum: 4.18\n";

/// Starts the server.
///
/// # Errors
/// If there is no free port.
pub fn server(config: &Config, what: Published, github: Option<Github>) -> Result<Loopback, Error> {
    let github = github.map(Mutex::new);
    let repository = config.base.image.to_string();
    let own = config.base.stream.to_string();
    let releases = format!("/repos/{}/releases", config.zfs.repository);
    let meta = format!("/repos/{}/contents/META", config.zfs.repository);
    Ok(Loopback::start(move |request: &Request| {
        let path = request.path.split('?').next().unwrap_or_default();
        let Some((night, path)) = path.trim_start_matches('/').split_once('/') else {
            return Reply::new(404, "application/json", "{}");
        };
        let path = format!("/{path}");
        let asked = request.path.trim_start_matches('/').strip_prefix(night);
        let github = github.as_ref().and_then(|github| github.lock().ok());
        let said = github.and_then(|mut github| github.answer(request, asked.unwrap_or_default()));
        if let Some(reply) = said {
            return reply;
        }
        let followed: &[&str] = match Fedora::of_path(night) {
            Fedora::Same => &[what.fcos],
            Fedora::Moved => &[what.fcos, NEXT_FCOS],
            Fedora::Gone => &[NEXT_FCOS],
        };
        let versions = |stream: &str| -> Vec<&str> {
            match AHEAD
                .iter()
                .find(|(name, ..)| *name == stream && stream != own)
            {
                Some((_, version, _)) => vec![version],
                None if stream == own => followed.to_vec(),
                None => Vec::new(),
            }
        };
        let index = path
            .strip_prefix("/prod/streams/")
            .and_then(|rest| rest.split_once('/'));
        let updates = path
            .strip_prefix("/updates/")
            .and_then(|rest| rest.strip_suffix(".json"));
        if let Some(file) = what.files.get(&path) {
            return Reply::new(200, "application/octet-stream", file.clone());
        }
        if path == meta {
            return Reply::new(200, "text/plain", META);
        }
        let answer = match (index, updates) {
            _ if path == releases => {
                let release = |tag: &str, prerelease| json!({"tag_name": tag, "draft": false, "prerelease": prerelease});
                json!([
                    release("zfs-2.2.9", false),
                    release(&what.kmods.zfs.tag(), false),
                    release("zfs-9.0.0-rc1", true),
                ])
            }
            (Some((stream, "releases.json")), _) if !versions(stream).is_empty() => {
                let all = || {
                    let own = std::iter::once((what.arch, &what.base));
                    own.chain(what.others.iter().map(|(arch, base)| (*arch, base)))
                };
                let commit = |(arch, base): (Arch, &Digest)| json!({"architecture": arch.rpm(), "checksum": base.hex()});
                let image = |(arch, base): (Arch, &Digest)| {
                    json!({
                        "architecture": arch.rpm(),
                        "image": format!("{repository}:{stream}"),
                        "digest-ref": format!("{repository}@{base}"),
                    })
                };
                let release = |version: &str| {
                    json!({
                        "version": version,
                        "commits": all().map(commit).collect::<Vec<_>>(),
                        "oci-images": all().map(image).collect::<Vec<_>>(),
                    })
                };
                let list: Vec<_> = versions(stream).into_iter().map(release).collect();
                json!({"stream": stream, "releases": list})
            }
            (_, Some(stream)) if !versions(stream).is_empty() => {
                // Out for three days, and the one before for two weeks more.
                let entry = |(back, version): (i64, &str)| {
                    let start = what.now.as_second() - (3 + 14 * back) * 86_400;
                    let rollout = json!({
                        "start_epoch": start, "start_percentage": 0.0, "duration_minutes": 1440,
                    });
                    json!({"version": version, "metadata": {"rollout": rollout}})
                };
                let newest_first = versions(stream).into_iter().rev();
                let list: Vec<_> = (0..).zip(newest_first).map(entry).collect();
                json!({"stream": stream, "releases": list})
            }
            (Some((_, rest)), _) if rest.starts_with("builds/") => {
                let ahead = AHEAD.iter().find(|(_, version, _)| rest.contains(version));
                let newer = ahead.map(|(_, _, kernel)| *kernel);
                let newer = newer.or(rest.contains(NEXT_FCOS).then_some(NEXT_KERNEL));
                let kernel = match newer {
                    Some(kernel) => format!("{kernel}.{}", what.arch),
                    None => what.kmods.kernel.to_string(),
                };
                // Each architecture has its own document.
                let mut others = what.others.iter().map(|(arch, _)| *arch);
                let kernel = match others.find(|arch| rest.contains(arch.rpm())) {
                    Some(arch) => kernel.replace(what.arch.rpm(), arch.rpm()),
                    None => kernel,
                };
                let (version, rest) = kernel.split_once('-').unwrap_or_default();
                let (release, arch) = rest.rsplit_once('.').unwrap_or_default();
                json!({"rpmostree.rpmdb.pkglist": [
                    ["bash", "0", "5.3.0", "2.fc44", arch],
                    ["kernel-core", "0", version, release, arch],
                ]})
            }
            _ => return Reply::new(404, "text/html", "<html>not here</html>"),
        };
        Reply::new(200, "application/json", answer.to_string())
    })?)
}
