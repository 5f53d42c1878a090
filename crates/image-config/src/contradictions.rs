//! Values of `image.yaml` that are each valid but contradict each other.

use registry_compat::{Repository, Tag};

use crate::config::{Config, HISTORY_TAG};
use crate::excerpt::{Problem, Shown};
use crate::kmods::Kmods;
use crate::problems::Problems;
use crate::tree::Span;

/// Two values, or a value that must not be alone.
struct Contradiction {
    /// The paths of the keys; the first is the one that is shown.
    keys: Vec<&'static str>,
    /// The item of the list at the first key.
    item: Option<String>,
    detail: String,
}

fn of(keys: &[&'static str], detail: impl Into<String>) -> Contradiction {
    Contradiction {
        keys: keys.to_vec(),
        item: None,
        detail: detail.into(),
    }
}

fn of_item(keys: &[&'static str], item: &dyn ToString, detail: String) -> Contradiction {
    Contradiction {
        item: Some(item.to_string()),
        ..of(keys, detail)
    }
}

/// Adds all; but none of a value that another error is about.
pub(crate) fn add(config: &Config, text: &str, problems: &mut Problems<'_>) {
    for found in all(config) {
        if !found.keys.iter().any(|key| problems.is_changed(key)) {
            // Of an image that says a part of it otherwise, that part.
            let own = found.keys.iter().find(|key| problems.is_own(key));
            let key = own.unwrap_or(&found.keys[0]);
            problems.add_at(key, found.item.as_deref(), &found.detail);
        }
    }
    if problems.is_changed("content") {
        return;
    }
    for (value, detail) in config.content.contradictions() {
        let place = problems.place_in_content(&value);
        let span = place.map(|(line, column)| Span {
            line,
            column,
            end: Some(column + value.chars().count()),
        });
        problems.add(Problem::new(text, span, Shown::Line, &detail));
    }
}

fn all(config: &Config) -> Vec<Contradiction> {
    let mut all = Vec::new();
    let signature = config.base.signature.as_ref();
    let empty = [
        ("architectures", config.architectures.is_empty()),
        (
            "base.signature.keys",
            signature.is_some_and(|signature| signature.keys.is_empty()),
        ),
        ("kmods", config.kmods.is_empty()),
        ("image.tags", config.image.tags.is_empty()),
    ];
    for (key, is_empty) in empty {
        if is_empty {
            all.push(of(
                &[key],
                format!("{key}: the list is empty; one is needed"),
            ));
        }
    }
    let images: Vec<_> = config.kmods.iter().map(|source| &source.image).collect();
    for (at, image) in images.iter().enumerate() {
        if images[..at].contains(image) {
            all.push(of(&["kmods"], format!("kmods: `{image}` is listed twice")));
        }
    }
    own_kmods(config, &mut all);
    if let Some((key, detail)) = config.policy.contradiction(config.zfs.series) {
        all.push(of(
            &[key, "policy.rule", "policy.pin", "zfs.series"],
            detail,
        ));
    }
    let rebuild = config.policy.rebuild_after_days;
    if let Some(detail) = config.alarm.contradiction(rebuild) {
        let keys = ["alarm.image-age-days", "policy.rebuild-after-days"];
        all.push(of(&keys, detail));
    }
    if let Some(detail) = config.boot.contradiction() {
        all.push(of(&["boot"], detail));
    }
    tags(config, &mut all);
    for unit in config.units.enable.iter() {
        if config.units.disable.contains(unit) {
            let detail = format!("`{unit}` is both enabled and disabled");
            all.push(of_item(&["units.disable", "units.enable"], unit, detail));
        }
    }
    for name in config.packages.install.iter() {
        if config.packages.remove.contains(name) {
            let detail = format!("`{name}` is both installed and removed");
            all.push(of_item(
                &["packages.remove", "packages.install"],
                name,
                detail,
            ));
        }
    }
    let image = &config.image;
    let whole = format!("{}/{}/{}", image.registry, image.owner, image.name);
    if let Err(error) = whole.parse::<Repository>() {
        // The part that is at fault, if it is one alone.
        let parts = [
            ("image.registry", format!("{}/o/n", image.registry)),
            ("image.owner", format!("ghcr.io/{}/n", image.owner)),
            ("image.name", format!("ghcr.io/o/{}", image.name)),
        ];
        let bad = parts
            .iter()
            .find(|(_, text)| text.parse::<Repository>().is_err());
        let key = bad.map_or("image", |(key, _)| *key);
        all.push(of(&[key, "image"], format!("{key}: {error}")));
    }
    if let Err(error) = config.base.stream.as_str().parse::<Tag>() {
        all.push(of(&["base.stream"], error.to_string()));
    }
    all
}

/// What this project builds itself.
fn own_kmods(config: &Config, all: &mut Vec<Contradiction>) {
    let Some((last, before)) = config.kmods.split_last() else {
        return;
    };
    if before.iter().any(Kmods::is_own) {
        let detail = "kmods: a source with `build` is the last one: what others have is taken";
        all.push(of(&["kmods"], detail));
    }
    if !last.is_own() {
        return;
    }
    if config.zfs.keys.is_empty() {
        let detail = "kmods: `build` needs at least one key under `zfs.keys`";
        all.push(of(&["kmods", "zfs.keys"], detail));
    }
    if config.repository().is_ok_and(|image| image == last.image) {
        let detail = format!("kmods: `{}` is where the image is published", last.image);
        all.push(of(&["kmods", "image"], detail));
    }
}

/// The moving tags may not be names that the program uses itself.
fn tags(config: &Config, all: &mut Vec<Contradiction>) {
    let candidate = &config.image.candidate;
    let history = |tag: &Tag| format!("`{tag}` is where the measured history lies");
    for tag in config.image.tags.iter() {
        let rest = tag.as_str().strip_prefix(candidate.as_str());
        if rest.is_some_and(|rest| ["", "-x86_64", "-aarch64"].contains(&rest)) {
            let detail =
                format!("`{tag}` is the candidate tag, which moves before an image is proven");
            all.push(of_item(&["image.tags", "image.candidate"], tag, detail));
        }
        if tag.as_str() == HISTORY_TAG {
            all.push(of_item(&["image.tags"], tag, history(tag)));
        }
    }
    if candidate.as_str() == HISTORY_TAG {
        all.push(of(&["image.candidate"], history(candidate)));
    }
}
