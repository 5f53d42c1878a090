//! Reads a package whole: every version, and every manifest of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};

use host::process::interrupted;
use registry_compat::{Digest, Tag, Trouble};
use remote::Packages;
use retention::{ManifestRead, Manifests, Name, Version, artefact_of};

use crate::cache::Cache;
use crate::error::Error;
use crate::parallel::parallel;
use crate::source::Source;

/// What is known of one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// Every version.
    pub versions: Vec<Version>,
    /// What came of reading the manifest of each.
    pub manifests: Manifests,
    /// How many versions the package says that it has, where it says so.
    pub version_count: Option<u64>,
}

/// Reads the package. `pinned` digests are looked for too: where only tags are listed,
/// nothing else leads to them. `tick` is told how many manifests are read, and
/// of how many known by now.
///
/// # Errors
/// [`Error::NoRepository`] if there is none; else if the list could not be read to its
/// end. A manifest that could not be read
/// is no error here: the plan refuses.
pub fn gather(
    source: &Source<'_>,
    cache: &Cache,
    pinned: &[Digest],
    tick: impl Fn(usize, usize) + Sync,
) -> Result<Inventory, Error> {
    let reader = Reader {
        source,
        cache,
        failed: AtomicBool::new(false),
    };
    let inventory = match source.packages() {
        Some(packages) => reader.package(packages, &tick),
        None => reader.repository(pinned, &tick),
    };
    if interrupted() {
        return Err(host::Error::Interrupted.into());
    }
    inventory
}

struct Reader<'a> {
    source: &'a Source<'a>,
    cache: &'a Cache,
    /// One manifest could not be read, so nothing will be deleted: the others need
    /// not be asked.
    failed: AtomicBool,
}

/// What came of reading one manifest, with what tells its age.
enum Found {
    There(remote::ManifestFacts, Option<String>),
    Absent,
    Unknown(String),
}

impl Reader<'_> {
    /// GitHub lists every version, the untagged ones too, with their dates.
    fn package(
        &self,
        packages: &Packages,
        tick: &(impl Fn(usize, usize) + Sync),
    ) -> Result<Inventory, Error> {
        let versions = packages.versions()?;
        let total = versions.len();
        let found = parallel(
            &versions,
            |version| match version.name.digest() {
                Some(digest) => match self.read(&digest) {
                    Found::There(read, _) => ManifestRead::Read(read.manifest),
                    Found::Absent => ManifestRead::NotFound,
                    Found::Unknown(why) => ManifestRead::Unreadable(why),
                },
                None => ManifestRead::Unreadable("its name is no digest".to_owned()),
            },
            |done| tick(done, total),
        );
        let names = versions.iter().map(|version| version.name.clone());
        Ok(Inventory {
            manifests: names.zip(found).collect(),
            version_count: Some(packages.count()),
            versions,
        })
    }

    /// A registry lists tags only. The rest is found by following what is
    /// known: what indexes list, subjects, referrers, the images that artefact
    /// tags speak of, and what is pinned, until nothing new turns up.
    fn repository(
        &self,
        pinned: &[Digest],
        tick: &(impl Fn(usize, usize) + Sync),
    ) -> Result<Inventory, Error> {
        let client = &self.source.client;
        let repository = &self.source.repository;
        let absent = || Error::NoRepository {
            repository: repository.clone(),
            said: format!("{repository}: the registry has no such repository"),
        };
        let tags = client.tags()?.ok_or_else(absent)?;
        let named = parallel(&tags, |tag| client.digest(tag.as_str()), |_| ());
        let mut inventory = Inventory {
            versions: Vec::new(),
            manifests: Manifests::new(),
            version_count: None,
        };
        let mut by_digest: BTreeMap<Digest, Vec<Tag>> = BTreeMap::new();
        let mut wanted: BTreeSet<Digest> = pinned.iter().cloned().collect();
        for (tag, named) in tags.into_iter().zip(named) {
            wanted.extend(artefact_of(&tag).and_then(|image| image.digest()));
            match named? {
                Some(digest) => by_digest.entry(digest).or_default().push(tag),
                None => broken_tag(&mut inventory, tag),
            }
        }
        wanted.extend(by_digest.keys().cloned());
        let referrers = AtomicBool::new(true);
        let mut known: HashMap<Digest, Found> = HashMap::new();
        while !wanted.is_empty() {
            let frontier: Vec<Digest> = std::mem::take(&mut wanted).into_iter().collect();
            let (before, total) = (known.len(), known.len() + frontier.len());
            let found = parallel(
                &frontier,
                |digest| self.follow(digest, &by_digest, &referrers),
                |done| tick(before + done, total),
            );
            for (digest, (found, next)) in frontier.into_iter().zip(found) {
                known.insert(digest, found);
                wanted.extend(next.iter().filter_map(Name::digest));
            }
            wanted.retain(|digest| !known.contains_key(digest));
        }
        for (digest, found) in known {
            let tags = by_digest.remove(&digest);
            let (read, created) = match found {
                Found::There(read, created) => (ManifestRead::Read(read.manifest), created),
                // Something refers to what is not there; or a tag did, a moment
                // ago.
                Found::Absent if tags.is_none() => continue,
                Found::Absent => (ManifestRead::NotFound, None),
                Found::Unknown(why) => (ManifestRead::Unreadable(why), None),
            };
            let tags = tags.unwrap_or_default();
            inventory
                .versions
                .push(Version::from_oci(&digest, created.as_deref(), tags));
            inventory.manifests.insert((&digest).into(), read);
        }
        inventory.versions.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(inventory)
    }

    /// Reads a manifest, and says what else there may be because of it.
    fn follow(
        &self,
        digest: &Digest,
        tagged: &BTreeMap<Digest, Vec<Tag>>,
        referrers: &AtomicBool,
    ) -> (Found, Vec<Name>) {
        // What the cache knows need not be there any more.
        let client = &self.source.client;
        if !tagged.contains_key(digest) && self.cache.manifest(digest).is_some() {
            match client.digest(digest.as_str()) {
                Ok(Some(_)) => {}
                Ok(None) => return (Found::Absent, Vec::new()),
                Err(error) => return (self.unknown(&error.into()), Vec::new()),
            }
        }
        let found = self.read(digest);
        let Found::There(read, _) = &found else {
            return (found, Vec::new());
        };
        let mut next = read.manifest.children().to_vec();
        next.extend(read.manifest.subject().cloned());
        if referrers.load(Ordering::Relaxed) {
            match client.referrers(digest) {
                Ok(Some(more)) => next.extend(more),
                Ok(None) => referrers.store(false, Ordering::Relaxed),
                Err(error) => return (self.unknown(&error.into()), Vec::new()),
            }
        }
        match self.created(read) {
            Ok(created) => match found {
                Found::There(read, _) => (Found::There(read, created), next),
                other => (other, next),
            },
            Err(error) => (self.unknown(&error), Vec::new()),
        }
    }

    /// The date of an image is in its configuration; of an artefact at most in
    /// its annotations. A configuration that is not there has a date that
    /// cannot be read.
    fn created(&self, read: &remote::ManifestFacts) -> Result<Option<String>, Error> {
        let Some(config) = &read.config else {
            return Ok(read.created.clone());
        };
        let known = match self.cache.created(config) {
            Some(known) => known,
            None => {
                let Some(found) = self.source.client.created(config)? else {
                    return Ok(Some(String::new()));
                };
                self.cache.put_created(config, found.clone());
                found
            }
        };
        Ok(known.or_else(|| read.created.clone()))
    }

    fn read(&self, digest: &Digest) -> Found {
        if let Some(read) = self.cache.manifest(digest) {
            return Found::There(read, None);
        }
        if self.failed.load(Ordering::Relaxed) || interrupted() {
            return Found::Unknown("not asked for, after another could not be read".to_owned());
        }
        match self.source.client.manifest(digest) {
            Ok(Some(read)) => {
                self.cache.put_manifest(digest, &read);
                Found::There(read, None)
            }
            Ok(None) => Found::Absent,
            Err(error) => self.unknown(&error.into()),
        }
    }

    /// Whether the trouble is this manifest's alone (it is garbled), or the registry's.
    fn unknown(&self, error: &Error) -> Found {
        let alone = matches!(error, Error::Unknown(why) if why.trouble == Trouble::Garbled);
        if !alone {
            self.failed.store(true, Ordering::Relaxed);
        }
        Found::Unknown(error.to_string())
    }
}

/// A tag that the registry lists and answers 404 for: it has no digest, so its
/// own text names it. It stays, and an audit names it.
fn broken_tag(inventory: &mut Inventory, tag: Tag) {
    let name = Name::from(tag.as_str());
    inventory
        .manifests
        .insert(name.clone(), ManifestRead::NotFound);
    inventory.versions.push(Version {
        id: None,
        name,
        dates: retention::Dates::Unrecorded,
        tags: Some(vec![tag]),
    });
}
