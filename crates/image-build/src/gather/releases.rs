//! The releases of a stream of Fedora CoreOS.

use std::collections::BTreeSet;

use version_discovery::fcos_metadata::{join, parse_releases, parse_updates};
use version_discovery::{Fact, FcosRelease, Stream};

use super::World;
use crate::error::Error;

/// Days for which a release index may be old that knows every release that the update
/// metadata speaks of. Only new releases at its end change it.
const INDEX_DAYS: i64 = 7;

impl World<'_> {
    /// The releases of a stream, from both documents. `fresh`: a cached index of an
    /// earlier day is not used.
    pub(crate) fn releases(
        &self,
        stream: &Stream,
        fresh: bool,
    ) -> Result<Fact<Vec<FcosRelease>>, Error> {
        let of = format!("{stream} {fresh}");
        self.memory.once("releases of Fedora CoreOS", &of, || {
            self.ask_for_releases(stream, fresh)
        })
    }

    fn ask_for_releases(
        &self,
        stream: &Stream,
        fresh: bool,
    ) -> Result<Fact<Vec<FcosRelease>>, Error> {
        let root = self.config.urls.fcos_builds.as_str();
        let of = format!("{root} {stream}");
        self.report
            .status("Reading", &format!("releases of {stream}"));
        let known: Option<(jiff::Timestamp, String)> = self
            .cache
            .get("index", &of)
            .filter(|(at, _): &(jiff::Timestamp, String)| !fresh && self.recent(*at));
        let fetch = || remote::fcos::release_index(&self.agent, root, stream);
        let (fetched, updates) = std::thread::scope(|scope| {
            let fetched = known.is_none().then(|| scope.spawn(fetch));
            let updates = remote::fcos::updates(&self.agent, root, stream);
            (fetched.map(|reader| reader.join()), updates)
        });
        let joined = (|| {
            let updates = parse_updates(&updates?, stream)?;
            if let Some((_, text)) = &known
                && let Ok(index) = parse_releases(text.as_bytes(), stream)
            {
                let listed: BTreeSet<_> = index.releases.iter().map(|r| r.version).collect();
                if updates
                    .releases
                    .keys()
                    .all(|version| listed.contains(version))
                {
                    return Ok(join(&index, &updates)?);
                }
            }
            let bytes = match fetched {
                Some(Ok(bytes)) => bytes?,
                Some(Err(_)) | None => fetch()?,
            };
            let index = parse_releases(&bytes, stream)?;
            let text = String::from_utf8_lossy(&bytes);
            self.cache.put("index", &of, &(self.env.now, text));
            Ok(join(&index, &updates)?)
        })();
        match joined {
            Ok(releases) => Ok(Fact::Known(releases)),
            Err(Error::Unknown(why)) => Ok(Fact::Unknown(why.to_string())),
            // Not the expected document, but for instance an error page of a proxy or a
            // mirror.
            Err(Error::Version(why)) => Ok(Fact::Unknown(why.to_string())),
            Err(other) => Err(other),
        }
    }

    fn recent(&self, at: jiff::Timestamp) -> bool {
        let age = self.env.now.as_second() - at.as_second();
        (0..INDEX_DAYS * 86_400).contains(&age)
    }
}
