//! The small types of `image.yaml`. Each is safe in a build argument, a tag, a
//! shell word and a line of output by its form alone.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::str::FromStr;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use version_discovery::Error;

/// Declares a text type; how it is read is for its `FromStr`.
macro_rules! plain {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, schemars::JsonSchema)]
        pub struct $type(String);

        impl $type {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        version_discovery::serde_as_text!($type);
    };
}

/// Declares a text type with one rule.
macro_rules! text {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $form:literal, $rule:expr) => {
        plain!($(#[$doc])* #[doc = ""] #[doc = concat!("In the file: ", $form, ".")] $type);

        impl FromStr for $type {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self, Error> {
                let rule: fn(&str) -> bool = $rule;
                if rule(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(Error::malformed($kind, text, $form))
                }
            }
        }
    };
}

fn all(text: &str, most: usize, extra: &str) -> bool {
    let first = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let rest = |c: char| c.is_ascii_alphanumeric() || extra.contains(c);
    first && text.len() <= most && text.chars().all(rest)
}

text!(
    /// An account or organisation of a registry.
    Owner,
    "an owner",
    "a lower-case account name",
    |text| all(text, 64, "-_.") && !text.bytes().any(|b| b.is_ascii_uppercase())
);

plain!(
    /// A host, an image name, a folder or another plain name; `/` may separate
    /// parts, but `..` may not be one.
    ///
    /// In the file: letters, digits, `.`, `_`, `-`, `:` and `/` between parts.
    Name
);

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut parts = text.split('/');
        let good = |part: &str| !part.is_empty() && part != "..";
        if all(text, 128, "-_./:") && parts.clone().all(good) {
            return Ok(Self(text.to_owned()));
        }
        // Whoever writes such a path means a file outside of the checkout.
        let outside = text.starts_with(['/', '~']) || parts.any(|part| part == "..");
        match outside {
            true => Err(Error::malformed(
                "a path in this checkout",
                text,
                "one without a `/` at its beginning and without `..`",
            )),
            false => Err(Error::malformed(
                "a name",
                text,
                "letters, digits, `.`, `_`, `-`, `:` and `/` between parts",
            )),
        }
    }
}

text!(
    /// A repository at GitHub.
    Project,
    "a repository at GitHub",
    "OWNER/NAME of letters, digits, `.`, `_` and `-`",
    |text| text.split_once('/').is_some_and(|(owner, name)| {
        let part = |part: &str| {
            let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !part.is_empty() && part.len() <= 100 && part.chars().all(good)
        };
        part(owner) && part(name) && ![".", ".."].contains(&owner) && ![".", ".."].contains(&name)
    })
);

text!(
    /// What one of several images is called: a part of a job's name and of its address.
    ImageName,
    "an image's name",
    "lower-case letters, digits and `-` between them, 40 at most; no word that YAML reads \
     otherwise, as `null`, `yes` or `12`",
    |text| {
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let words = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
        let otherwise = words.contains(&text) || text.parse::<f64>().is_ok();
        all(text, 40, "-") && text.chars().all(good) && !text.ends_with('-') && !otherwise
    }
);

text!(
    /// The label of an issue.
    Label,
    "a label",
    "letters, digits, `.`, `_` and `-`",
    |text| all(text, 50, "-_.")
);

text!(
    /// A folder of an image, from its root; `/` is the root itself.
    Folder,
    "a folder of an image",
    "`/`, or `/PART/PART` of letters, digits, `.`, `_` and `-`",
    |text| text == "/" || text.len() <= 128 && text.strip_prefix('/').is_some_and(|rest| {
        rest.split('/').all(|part| all(part, 128, "-_."))
    })
);

impl Folder {
    /// Whether it is the root.
    pub fn is_root(&self) -> bool {
        self.0 == "/"
    }
}

text!(
    /// The name of an RPM package.
    PackageName,
    "a package name",
    "letters, digits, `.`, `_`, `+` and `-`",
    |text| all(text, 128, "-_.+")
);

text!(
    /// The name of a systemd unit, with its type; instances (`a@b.timer`) too.
    UnitName,
    "a unit name",
    "NAME.service, .timer, .socket, .path, .mount or .target",
    |text| {
        let kinds = ["service", "timer", "socket", "path", "mount", "target"];
        let kind = text.rsplit_once('.').is_some_and(|(_, kind)| kinds.contains(&kind));
        kind && all(text, 255, "-_.@:")
    }
);

text!(
    /// One line of prose: a title, a reason.
    Reason,
    "a line of text",
    "one line of 1 to 300 printable characters",
    |text| {
        let good = |c: char| !c.is_control();
        !text.trim().is_empty() && text.chars().count() <= 300 && text.chars().all(good)
    }
);

text!(
    /// An `http` or `https` URL without a slash at its end, a query, a fragment
    /// or credentials.
    Url,
    "a URL",
    "https://HOST/PATH without a slash at its end",
    |text| {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        rest.is_some_and(|rest| all(rest, 500, "-_./:~%") && !rest.ends_with('/'))
    }
);

text!(
    /// A plain word: the name of a build stage, or of a package repository.
    Word,
    "a name",
    "lower-case letters, digits, `.`, `_` and `-`",
    |text| all(text, 60, "-_.") && !text.bytes().any(|b| b.is_ascii_uppercase())
);

text!(
    /// A file of an image, from its root.
    ImageFile,
    "a file of an image",
    "`/PART/PART` of letters, digits, `.`, `_`, `-`, `@` and `+`",
    |text| text.len() <= 250 && text.strip_prefix('/').is_some_and(|rest| {
        let good = |c: char| c.is_ascii_alphanumeric() || "-_.@+".contains(c);
        let part = |part: &str| {
            !part.is_empty() && part != "." && part != ".." && part.chars().all(good)
        };
        rest.contains('/') && rest.split('/').all(part)
    })
);

text!(
    /// The address of a package repository, with the variables of dnf.
    RepositoryUrl,
    "the address of a package repository",
    "https://HOST/PATH, in which `$basearch` and `$releasever` may stand",
    |text| {
        let plain = text.replace("$basearch", "x").replace("$releasever", "x");
        plain.trim_end_matches('/').parse::<Url>().is_ok()
    }
);

text!(
    /// A kernel argument: a word, or `NAME=VALUE`.
    KernelArgument,
    "a kernel argument",
    "NAME or NAME=VALUE, without white space and quotes",
    |text| all(text, 200, "-_.=:,/+@%")
);

text!(
    /// A regular expression for a path of the file system.
    PathPattern,
    "a pattern for paths",
    "one that begins with `/`, without white space, quotes and `|`",
    |text| {
        let good = |c: char| c.is_ascii_alphanumeric() || r"/-_.@+*?()[]\^$:,".contains(c);
        text.starts_with('/') && text.len() <= 250 && text.chars().all(good)
    }
);

text!(
    /// A type of the SELinux policy.
    SelinuxType,
    "an SELinux type",
    "letters, digits and `_`, as in `container_file_t`",
    |text| all(text, 100, "_")
);

plain!(
    /// A public key as a line of `authorized_keys`, without options.
    SshKey
);

impl FromStr for SshKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        const KIND: &str = "a public SSH key";
        if crate::excerpt::is_private_key(text) {
            // It is not shown again.
            return Err(Error::malformed(
                KIND,
                "…",
                "the line of the `.pub` file: this is a private key, which everybody can read \
                 now who reads this file; make another pair with ssh-keygen, and use no longer \
                 what belongs to this one",
            ));
        }
        match ssh_key(text) {
            Some(_) => Ok(Self(text.to_owned())),
            None => Err(Error::malformed(
                KIND,
                text,
                "TYPE BASE64 COMMENT, as a `.pub` file of ssh-keygen has it",
            )),
        }
    }
}

/// The blob of a public key, if the line is one.
fn ssh_key(line: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    if line.chars().any(char::is_control) {
        return None;
    }
    let mut words = line.split(' ');
    let (kind, blob) = (words.next()?, words.next()?);
    let blob = base64::engine::general_purpose::STANDARD
        .decode(blob)
        .ok()?;
    // The blob begins with its own type: a key that was cut or pasted
    // together is found here. Source: RFC 4253, section 6.6.
    let length = u32::try_from(kind.len()).ok()?.to_be_bytes();
    let head = [&length[..], kind.as_bytes()].concat();
    (blob.len() > head.len() && blob.starts_with(&head)).then_some(blob)
}

/// A list without repetitions, in the order in which it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Unique<T>(Vec<T>);

impl<T> Unique<T> {
    /// A list of one.
    pub fn one(value: T) -> Self {
        Self(vec![value])
    }

    /// One more, for lists that are made and not read.
    pub(super) fn push(&mut self, value: T) {
        self.0.push(value);
    }
}

impl<T> Default for Unique<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for Unique<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: Deserialize<'de> + PartialEq + fmt::Display> Deserialize<'de> for Unique<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(List(PhantomData))
    }
}

struct List<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + PartialEq + fmt::Display> Visitor<'de> for List<T> {
    type Value = Unique<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Unique<T>, A::Error> {
        let mut list = Vec::new();
        // Items are compared by their texts in a set, because searching the list for
        // each item would be slow for a long list.
        let mut texts = HashSet::new();
        while let Some(value) = sequence.next_element::<T>()? {
            let text = value.to_string();
            if texts.contains(&text) {
                return Err(serde::de::Error::custom(format!(
                    "`{text}` is listed twice"
                )));
            }
            texts.insert(text);
            list.push(value);
        }
        Ok(Unique(list))
    }
}

#[cfg(test)]
mod tests {
    use crate::*;

    #[test]
    fn nothing_that_a_shell_or_a_runner_would_read() {
        for bad in [
            "", "a b", "a\nb", "a'b", "a\"b", "$(x)", "a;b", "-x", "../x", "a/../b",
        ] {
            assert!(bad.parse::<Owner>().is_err(), "{bad:?}");
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
            assert!(bad.parse::<PackageName>().is_err(), "{bad:?}");
            assert!(bad.parse::<UnitName>().is_err(), "{bad:?}");
        }
        for bad in [
            "", "a", "a/", "/a", "a/b/c", "../x", "a/..", "a/b?c", "a/b c",
        ] {
            assert!(bad.parse::<Project>().is_err(), "{bad:?}");
        }
        assert!("some-one/.github".parse::<Project>().is_ok());
        assert!("a,b".parse::<Label>().is_err());
        assert!("a\nb".parse::<Reason>().is_err());
        assert!("https://u:p@host/x".parse::<Url>().is_err());
        assert!("https://host/x/".parse::<Url>().is_err());
        assert!("http://127.0.0.1:4000/x".parse::<Url>().is_ok());
        assert!("zfs-scrub-monthly@tank.timer".parse::<UnitName>().is_ok());
        let blob = "AAAAC3NzaC1lZDI1NTE5AAAAIHUjxtppGBlvQnJrOLiNIxDso7Gi2gqOTVXgWRLIHny2";
        assert!(format!("ssh-ed25519 {blob} me").parse::<SshKey>().is_ok());
        assert!(format!("ssh-rsa {blob} me").parse::<SshKey>().is_err());
        let half = &blob[..blob.len() / 2];
        assert!(format!("ssh-ed25519 {half}x me").parse::<SshKey>().is_err());
        assert!(
            format!("ssh-ed25519 {blob} a\nb")
                .parse::<SshKey>()
                .is_err()
        );
        assert!("libstdc++-static".parse::<PackageName>().is_ok());
    }
}
