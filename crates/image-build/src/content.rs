//! `content` of `image.yaml` as a build has it: the words that `install.sh` and
//! `contract.sh` read, the image that brings the files to the build, and the names of
//! the stages. Pure.
//!
//! The files reach the build in an image of their own, made of the checkout, of other
//! images by digest, and of what the stages made:
//!
//! ```text
//! /files/        laid over the image with the modes of a checkout (0644, 0755)
//! /out/          laid over the image with the modes that they have here
//! /steps/        scripts, by their number in the list
//! /selinux/      policy modules
//! /keys/         OpenPGP keys of the package repositories
//! ```

use std::collections::BTreeMap;

use image_config::{Content, file_name, stem};
use registry_compat::{Digest, ImageRef};

use crate::error::Error;
use crate::lock::{Lock, Target};

/// Where the Containerfile of the content's image is written, in the checkout.
pub const CONTAINERFILE: &str = "target/content/Containerfile";

/// The place of each kind of file in the image.
const SYSUSERS: &str = "usr/lib/sysusers.d";
const TMPFILES: &str = "usr/lib/tmpfiles.d";
const QUADLETS: &str = "usr/share/containers/systemd";

/// All that `content` declares, as words `KIND:VALUE`. No value has white space: its
/// type sees to that.
pub fn words(content: &Content) -> Vec<String> {
    let mut words = Vec::new();
    let mut add = |kind: &str, value: String| words.push(format!("{kind}:{value}"));
    for folder in content.owned.iter() {
        add("owned", folder.to_string());
    }
    for one in content.repositories.iter() {
        add("repository", format!("{}|{}", one.name, one.url));
    }
    for (at, step) in content.steps.iter().enumerate() {
        add(
            "step",
            format!("{}|{}", step.at, numbered(at, step.run.as_str())),
        );
    }
    for copied in content.copy.iter().flat_map(|copy| copy.files.iter()) {
        add("file", copied.to.to_string());
    }
    for module in content.selinux.modules.iter() {
        add("module", stem(module.as_str()).to_owned());
    }
    for context in content.selinux.contexts.iter() {
        add("context", context.to_string());
    }
    for argument in content.kernel_arguments.iter() {
        add("karg", argument.to_string());
    }
    for (kind, list) in [
        ("sysusers", &content.sysusers),
        ("tmpfiles", &content.tmpfiles),
        ("quadlet", &content.quadlets),
    ] {
        for name in list.iter() {
            add(kind, file_name(name.as_str()).to_owned());
        }
    }
    words
}

/// The part of `content` that decides which packages there are: it is what comes before
/// them in a build.
pub fn before_packages(content: &Content) -> Content {
    Content {
        owned: content.owned.clone(),
        repositories: content.repositories.clone(),
        // Those of a later point are not run.
        steps: content.steps.clone(),
        ..Content::default()
    }
}

/// A step's name in the content's image: two of one name may lie in two folders.
fn numbered(at: usize, path: &str) -> String {
    format!("{at:03}-{}", file_name(path))
}

/// The Containerfile of the content's image.
pub fn containerfile(lock: &Lock, stages: &[Stage]) -> String {
    let content = &lock.policy.content;
    let mut from = String::new();
    let mut copy = String::new();
    let mut lay = |what: &str, to: &str| copy.push_str(&format!("COPY {what} {to}\n"));
    for (at, stage) in stages.iter().enumerate() {
        from.push_str(&format!("FROM {} AS stage-{at}\n", stage.image));
        lay(&format!("--from=stage-{at} /out/"), "/out/");
    }
    for (at, copied) in content.copy.iter().enumerate() {
        from.push_str(&format!(
            "FROM {} AS image-{at}\n",
            by_digest(&copied.image)
        ));
        for file in copied.files.iter() {
            lay(
                &format!("--from=image-{at} {}", file.from),
                &format!("/out{}", file.to),
            );
        }
    }
    for folder in content.overlays.iter() {
        lay(&format!("{folder}/"), "/files/");
    }
    for (folder, list) in [
        (SYSUSERS, &content.sysusers),
        (TMPFILES, &content.tmpfiles),
        (QUADLETS, &content.quadlets),
    ] {
        for name in list.iter() {
            let file = file_name(name.as_str());
            lay(name.as_str(), &format!("/files/{folder}/{file}"));
        }
    }
    for module in content.selinux.modules.iter() {
        let file = file_name(module.as_str());
        lay(module.as_str(), &format!("/selinux/{file}"));
    }
    for one in content.repositories.iter() {
        lay(one.key.as_str(), &format!("/keys/{}", one.name));
    }
    for (at, step) in content.steps.iter().enumerate() {
        let name = numbered(at, step.run.as_str());
        lay(step.run.as_str(), &format!("/steps/{name}"));
    }
    // So that there is something to mount whatever is declared.
    format!(
        "# Made from image.yaml; a build writes it anew.\n{from}FROM scratch\n\
         COPY image.yaml /image.yaml\n{copy}"
    )
}

/// Without the tag, which is for people: the digest alone is fetched.
fn by_digest(image: &ImageRef) -> ImageRef {
    match image.digest() {
        Some(digest) => image.repository().at(digest.clone()),
        None => image.clone(),
    }
}

/// A stage of the checkout, and the image that it becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// Its folder, which is its build context.
    pub folder: String,
    /// The local image: the same inputs have the same name.
    pub image: ImageRef,
    /// The digest that the name has twelve digits of.
    pub inputs: Digest,
}

/// The stages of a build. The images of a repository share those of one name.
///
/// # Errors
/// [`Error::Usage`] if the lock has no digest for a stage's folder, as none that was
/// read from an image of ours.
pub fn stages(lock: &Lock, target: &Target) -> Result<Vec<Stage>, Error> {
    let mut all = Vec::new();
    for stage in lock.policy.content.stages.iter() {
        let folder = Content::stage_folder(stage);
        let files = lock.files.get(&folder).ok_or_else(|| {
            Error::Usage(format!("the lock has no digest of {folder}; resolve again"))
        })?;
        // The images that it builds on stand in its Containerfile by digest.
        let inputs = Digest::of(format!("{files} {}", target.arch).as_bytes());
        let image = format!("localhost/stages/{stage}:{}", inputs.short());
        all.push(Stage {
            name: stage.to_string(),
            folder,
            image: image.parse()?,
            inputs,
        });
    }
    Ok(all)
}

/// The local name of the content's image.
///
/// # Errors
/// Never for a lock that was parsed.
pub fn image(lock: &Lock, target: &Target, name: &str) -> Result<ImageRef, Error> {
    let text = format!(
        "{:?} {:?} {}",
        words(&lock.policy.content),
        lock.files,
        target.arch
    );
    let tag = Digest::of(text.as_bytes());
    Ok(format!("localhost/{name}/content:{}", tag.short()).parse()?)
}

/// Every image that the content is made of, each once: those that files are copied out
/// of, and those that the stages build on.
pub fn images(content: &Content, stages: &BTreeMap<String, Vec<ImageRef>>) -> Vec<ImageRef> {
    let copied = content.copy.iter().map(|copy| &copy.image);
    let mut all: Vec<ImageRef> = Vec::new();
    for image in copied.chain(stages.values().flatten()) {
        if !all.contains(image) {
            all.push(image.clone());
        }
    }
    all
}

/// Why the signature of such an image is not checked, or the key that it must be by.
pub fn trusted_by<'a>(content: &'a Content, image: &ImageRef) -> Result<&'a str, String> {
    match content.copy.iter().find(|copy| copy.image == *image) {
        Some(copy) => match (&copy.key, &copy.unsigned) {
            (Some(key), _) => Ok(key.as_str()),
            (None, Some(reason)) => Err(reason.to_string()),
            (None, None) => Err("no reason is given".to_owned()),
        },
        None => Err("a stage builds on it, by digest".to_owned()),
    }
}

/// The scripts that check the built image.
pub fn checks(content: &Content) -> impl Iterator<Item = (String, &str)> {
    let scripts = content.checks.iter();
    scripts.map(|path| (format!("own:{}", stem(path.as_str())), path.as_str()))
}

/// What of the lock `diff` shows beside packages and labels: names, and what each is.
pub fn shown(lock: &Lock) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (path, digest) in &lock.files {
        all.insert(path.clone(), digest.short().to_owned());
    }
    for image in &lock.other_images {
        let digest = image.digest().map_or("", Digest::short);
        let version = match image.tag() {
            Some(tag) => format!("{tag} ({digest})"),
            None => digest.to_owned(),
        };
        let line = all
            .entry(image.repository().to_string())
            .or_insert_with(String::new);
        if !line.is_empty() {
            line.push_str(", ");
        }
        line.push_str(&version);
    }
    let declared = words(&lock.policy.content);
    for (kind, title) in [
        ("owned", "folder of the image"),
        ("repository", "package repository"),
        ("karg", "kernel argument"),
        ("context", "file context"),
    ] {
        for word in &declared {
            if let Some(value) = word
                .strip_prefix(kind)
                .and_then(|rest| rest.strip_prefix(':'))
            {
                let (name, value) = value.split_once('|').unwrap_or((value, "yes"));
                all.insert(format!("{title} {name}"), value.to_owned());
            }
        }
    }
    all
}

#[cfg(test)]
mod tests;
