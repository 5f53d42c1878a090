//! The releases in the streams ahead, for the forecast.

use std::collections::BTreeMap;

use version_discovery::{
    Arch, Fact, FcosRelease, LinuxRange, Series, Stream, StreamAhead, ZfsVersion,
};

use super::World;
use crate::error::Error;
use crate::facts::Upstream;

/// The streams in the order in which a release passes through them.
const ORDER: [&str; 3] = ["next", "testing", "stable"];

impl World<'_> {
    /// The streams ahead of the configured one, the nearest first, with the
    /// kernel of the newest release of each.
    ///
    /// # Errors
    /// If one of them does not exist.
    pub fn ahead(&self) -> Result<Vec<StreamAhead>, Error> {
        let own = self.config.base.stream.as_str();
        let place = ORDER.iter().position(|name| *name == own).unwrap_or(0);
        let mut names: Vec<Stream> = Vec::new();
        for name in ORDER[..place].iter().rev() {
            names.push(name.parse()?);
        }
        let arch = self.first_arch()?;
        std::thread::scope(|scope| {
            let readers: Vec<_> = names
                .into_iter()
                .map(|stream| scope.spawn(move || self.stream_ahead(stream, arch)))
                .collect();
            let ended = || Error::Step {
                step: "forecast".to_owned(),
                detail: "a reader came to an unexpected end".to_owned(),
            };
            readers
                .into_iter()
                .map(|reader| reader.join().unwrap_or_else(|_| Err(ended())))
                .collect()
        })
    }

    fn stream_ahead(&self, stream: Stream, arch: Arch) -> Result<StreamAhead, Error> {
        let mut releases = self.releases(&stream, true)?;
        self.resolve_newest_kernel(&stream, &mut releases, arch, |_| true);
        Ok(StreamAhead { stream, releases })
    }

    /// Finds the kernel of the newest release that is alive and fits. The image itself
    /// is not read, because a forecast is not worth a download of gigabytes.
    fn resolve_newest_kernel(
        &self,
        stream: &Stream,
        releases: &mut Fact<Vec<FcosRelease>>,
        arch: Arch,
        fits: impl Fn(&FcosRelease) -> bool,
    ) {
        let Fact::Known(list) = releases else {
            return;
        };
        let alive = |release: &&mut FcosRelease| {
            release.dead_end.is_none() && release.images.contains_key(&arch) && fits(release)
        };
        if let Some(newest) = list
            .iter_mut()
            .filter(alive)
            .max_by_key(|release| release.version)
            && *newest.kernel(arch) == Fact::NotAsked
        {
            let kernel = self.kernel_of(stream, newest, arch, false);
            newest.kernels.insert(arch, kernel);
        }
    }

    /// The kernel of the newest release of the configured stream on either side
    /// of its rollout.
    ///
    /// # Errors
    /// As [`World::first_arch`].
    pub fn resolve_own_stream(&self, upstream: &mut Upstream) -> Result<(), Error> {
        let arch = self.first_arch()?;
        let (stream, now) = (upstream.discovery.stream.clone(), upstream.now);
        for begun in [true, false] {
            let releases = &mut upstream.discovery.releases;
            self.resolve_newest_kernel(&stream, releases, arch, |release| {
                release.rollout.begun(now) == begun
            });
        }
        Ok(())
    }

    /// Which kernels OpenZFS supports: of the newest release of the configured series
    /// and of each later one. An answer that could not be obtained is left out, with a
    /// warning.
    pub fn linux_ranges(&self, upstream: &Upstream) -> BTreeMap<ZfsVersion, LinuxRange> {
        let mut newest: BTreeMap<Series, ZfsVersion> = BTreeMap::new();
        for release in upstream.discovery.zfs.known().into_iter().flatten() {
            let version = ZfsVersion::from_tag(&release.tag);
            let Some(version) = version.filter(|_| !release.draft && !release.prerelease) else {
                continue;
            };
            if version.series() >= self.config.zfs.series {
                let known = newest.entry(version.series()).or_insert(version);
                *known = version.max(*known);
            }
        }
        newest
            .into_values()
            .filter_map(|version| match self.linux_range(&version) {
                Ok(range) => Some((version, range)),
                Err(error) => {
                    self.report.warning(&format!(
                        "could not ask which kernels ZFS {version} supports: {error}"
                    ));
                    None
                }
            })
            .collect()
    }

    /// The kernels that one release supports, or why they are not known.
    pub(super) fn linux_range(&self, version: &ZfsVersion) -> Result<LinuxRange, String> {
        let urls = &self.config.urls;
        let repository = self.config.zfs.repository.as_str();
        let of = format!("{} {repository} {}", urls.github_api, version.tag());
        if let Some(range) = self.cache.get("linux-range", &of) {
            return Ok(range);
        }
        let asked = self.memory.once("META", &of, || {
            self.report
                .status("Reading", &format!("META of {}", version.tag()));
            let token = self.env.github_token.as_ref();
            let api = urls.github_api.as_str();
            let found = remote::github::linux_range(&self.agent, api, repository, version, token);
            Ok(found.map_err(|error| error.to_string()))
        });
        match asked.unwrap_or_else(|error| Err(error.to_string())) {
            Ok(range) => {
                self.cache.put("linux-range", &of, &range);
                Ok(range)
            }
            Err(error) => Err(error),
        }
    }
}
