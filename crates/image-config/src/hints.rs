//! What was probably meant by a value that is wrong: said behind the message.
//!
//! A value is only named as meant if its type reads it.

use std::str::FromStr;

use jiff::civil::Date;
use registry_compat::Repository;
use version_discovery::{Arch, Series};

use crate::keys::Keys;
use crate::tree::{Kind, Node};
use crate::types::{Folder, Owner, Project, UnitName, Url};

/// The longest text that is written once more.
const SHORT: usize = 60;

/// Begins with what parts it from the message. `path` is without numbers of items,
/// `message` is serde's, or that of the type.
pub(crate) fn hint(path: &str, node: &Node, message: &str, keys: &Keys) -> Option<String> {
    if ["forge", "forge.kind"].contains(&path) && ["gitea", "codeberg"].contains(&node.scalar()?) {
        return Some("; did you mean `forgejo`?".to_owned());
    }
    let expected = message.rsplit_once(", expected ").map(|(_, form)| form);
    if let Some(form) = expected {
        return of_form(path, node, form, keys);
    }
    let text = node.scalar()?;
    if text.starts_with('$') && text.len() > 1 {
        return Some("; variables are not replaced in this file".to_owned());
    }
    let meant = match path {
        "image.owner" => as_type::<Owner>(&text.rsplit('/').next()?.to_lowercase()),
        "zfs.series" => series(text),
        "architectures" => as_type::<Arch>(match text {
            "amd64" | "x64" | "x86-64" | "x86" => "x86_64",
            "arm64" | "armv8" => "aarch64",
            _ => return None,
        }),
        "units.enable" | "units.disable" => unit(text),
        "github.repository" => {
            let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
            let rest = rest.trim_start_matches("github.com/").trim_end_matches('/');
            as_type::<Project>(rest.trim_end_matches(".git"))
        }
        "ignition.ssh-keys" if text.ends_with(".pub") => {
            return Some("; write the text of that file here".to_owned());
        }
        "packages.install" | "packages.remove" => return of_package(text),
        "policy.pin.expires" => date(text),
        _ if message.contains("is not a URL") => url(text),
        _ if message.contains("is not an image repository") => repository(text),
        _ if message.contains("is not a folder of an image") => {
            as_type::<Folder>(&format!("/{text}"))
        }
        _ => None,
    }?;
    (meant != text && meant.len() <= SHORT).then(|| format!("; did you mean `{meant}`?"))
}

/// Where another kind of value is wanted.
fn of_form(path: &str, node: &Node, form: &str, keys: &Keys) -> Option<String> {
    if ["a list", "a sequence"].contains(&form) {
        return match &node.kind {
            Kind::Scalar(text, _) if is_word(text) => Some(format!("; in brackets: `[{text}]`")),
            Kind::Scalar(..) | Kind::Map(_) => {
                Some("; each item of a list begins with `- `".to_owned())
            }
            Kind::List(_) => None,
        };
    }
    if form.starts_with("struct ") && !path.is_empty() {
        let names = keys.of_section(path);
        return match names.as_slice() {
            [] => None,
            [name] => Some(format!("; its key is {name}")),
            names => Some(format!("; its keys are {}", names.join(", "))),
        };
    }
    // `60d`, `5s`, `50%`.
    let text = node.scalar()?;
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let number = digits.parse::<u32>().is_ok() && digits.len() < text.len();
    let wanted = ["u8", "u16", "u32", "u64"].contains(&form) || form.starts_with("a nonzero u");
    let share = text.ends_with('%') && digits.len() > 2;
    (number && wanted && !share).then(|| format!("; write the number alone: `{digits}`"))
}

fn is_word(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./@".contains(c);
    !text.is_empty() && text.len() <= SHORT && text.chars().all(plain)
}

/// The text, if the type reads it.
fn as_type<T: FromStr>(text: &str) -> Option<String> {
    text.parse::<T>().is_ok().then(|| text.to_owned())
}

/// `v2.4.1`, `zfs-2.4.1`.
fn series(text: &str) -> Option<String> {
    let text = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    let mut parts = text.split('.');
    let series = format!("{}.{}", parts.next()?, parts.next()?);
    as_type::<Series>(&series).map(|series| format!("\"{series}\""))
}

/// `tailscaled`, `docker.servce`.
fn unit(text: &str) -> Option<String> {
    let kinds = ["service", "timer", "socket", "path", "mount", "target"];
    as_type::<UnitName>(&match text.rsplit_once('.') {
        None => format!("{text}.service"),
        Some((name, kind)) => format!("{name}.{}", crate::words::nearest(kind, kinds)?),
    })
}

fn of_package(text: &str) -> Option<String> {
    if text.starts_with('@') {
        return Some("; a group of packages cannot stand here: name its packages".to_owned());
    }
    let version = text.contains(['=', '<', '>']);
    version.then(|| "; a version cannot stand here: the lock has it".to_owned())
}

/// `31.08.2026`, `2026/08/31`.
fn date(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split(['.', '/']).collect();
    let [one, month, other] = parts.as_slice() else {
        return None;
    };
    let (year, day) = match one.len() {
        4 => (one, other),
        _ => (other, one),
    };
    let date = format!("{year}-{month:0>2}-{day:0>2}");
    date.parse::<Date>().is_ok().then_some(date)
}

fn url(text: &str) -> Option<String> {
    let whole = match text.contains("://") {
        true => text.to_owned(),
        false => format!("https://{text}"),
    };
    let has_host = whole
        .split('/')
        .nth(2)
        .is_some_and(|host| host.contains('.'));
    has_host
        .then(|| as_type::<Url>(whole.trim_end_matches('/')))
        .flatten()
}

/// Without what belongs into other keys.
fn repository(text: &str) -> Option<String> {
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let text = text.split('@').next().unwrap_or(text);
    let (before, name) = text.rsplit_once('/')?;
    let name = name.split(':').next().unwrap_or(name);
    as_type::<Repository>(&format!("{before}/{name}").to_lowercase())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::Config;
    use crate::config::tests::GOOD;

    /// What is said behind the last `;`, of the last problem.
    #[track_caller]
    fn hinted(text: &str) -> String {
        let error = Config::parse(text, Path::new("image.yaml")).unwrap_err();
        let text = error.to_string();
        let first = text.lines().rfind(|line| line.starts_with("image.yaml"));
        let first = first.unwrap_or_default();
        first.rsplit_once("; ").unwrap_or(("", first)).1.to_owned()
    }

    #[test]
    fn what_was_meant_is_named() {
        for (lines, expected) in [
            ("architectures: [amd64]", "did you mean `x86_64`?"),
            ("architectures: [arm64]", "did you mean `aarch64`?"),
            (
                "units: {enable: [tailscaled]}",
                "did you mean `tailscaled.service`?",
            ),
            (
                "units: {enable: [docker.servce]}",
                "did you mean `docker.service`?",
            ),
            ("forge: gitea", "did you mean `forgejo`?"),
            ("heal: 10m", "its key is minutes"),
            (
                "github: {repository: \"https://github.com/me/nas.git\"}",
                "did you mean `me/nas`?",
            ),
            (
                "ignition: {url: example.org/}",
                "did you mean `https://example.org`?",
            ),
            (
                "ignition: {ssh-keys: [~/.ssh/id.pub]}",
                "write the text of that file here",
            ),
            (
                "packages: {install: [\"a>=1\"]}",
                "a version cannot stand here: the lock has it",
            ),
            (
                "packages: {install: [\"@core\"]}",
                "a group of packages cannot stand here: name its packages",
            ),
            ("packages: {install: vim}", "in brackets: `[vim]`"),
            (
                "packages: {install: {vim: 9}}",
                "each item of a list begins with `- `",
            ),
            ("packages: [vim]", "its keys are install, locked, remove"),
            ("policy: {hold-days: 60d}", "write the number alone: `60`"),
            (
                "alarm: {label: $LABEL}",
                "variables are not replaced in this file",
            ),
            (
                "base: {image: \"quay.io/fedora/fedora-coreos:stable\", stream: stable}",
                "did you mean `quay.io/fedora/fedora-coreos`?",
            ),
            (
                "policy: {rule: pin, pin: {zfs: 2.4.1, reason: x, expires: 31.8.2026}}",
                "did you mean `2026-08-31`?",
            ),
        ] {
            assert_eq!(hinted(&format!("{GOOD}{lines}\n")), expected, "{lines}");
        }
        for (wrong, expected) in [
            ("owner: https://github.com/Me", "did you mean `me`?"),
            ("owner: ghcr.io/me", "did you mean `me`?"),
        ] {
            assert_eq!(hinted(&GOOD.replace("owner: someone", wrong)), expected);
        }
        let series = GOOD.replace("\"2.4\"", "v2.4.1");
        assert_eq!(hinted(&series), "did you mean `\"2.4\"`?");
    }

    #[test]
    fn nothing_is_guessed_that_would_be_wrong_too() {
        for lines in [
            "architectures: [riscv64]",
            "units: {enable: [\"a b\"]}",
            "ignition: {url: nonsense}",
            "policy: {rule: pin, pin: {zfs: 2.4.1, reason: x, expires: 31.13.2026}}",
            "policy: {hold-days: many}",
            "retention: {most-share: 150%}",
            "units: {enable: [a.nonsense]}",
        ] {
            let said = hinted(&format!("{GOOD}{lines}\n"));
            assert!(
                !said.contains("did you mean") && !said.contains("write"),
                "{said}"
            );
        }
    }
}
