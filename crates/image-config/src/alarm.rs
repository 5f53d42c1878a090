//! Sections `github` and `alarm`: the repository at GitHub, and when a person is
//! notified.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use version_discovery::Error;

use crate::defaults::parsed;
use crate::{Label, Project, SecretSource, Url};

/// The repository at GitHub.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Github {
    /// Without one it is the repository whose workflow runs, or the remote
    /// `origin` of the checkout: a fork has nothing to edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<Project>,
}

/// When and how a person is notified.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Alarm {
    /// The greatest allowed age of the published image; 0 turns this check off.
    #[serde(default = "image_age_days")]
    pub image_age_days: u32,
    /// The label of the issue.
    #[serde(default = "label")]
    pub label: Label,
    /// A further address that gets the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// A mailbox that gets the message, by this machine's `sendmail`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<Mail>,
}

impl Default for Alarm {
    fn default() -> Self {
        Self {
            image_age_days: image_age_days(),
            label: label(),
            webhook: None,
            mail: None,
        }
    }
}

/// Two weeks, because an image with unchanged inputs is built again after one week.
fn image_age_days() -> u32 {
    14
}

fn label() -> Label {
    parsed("alarm")
}

impl Alarm {
    /// Values that contradict the number of days after which an image is built again.
    pub(super) fn contradiction(&self, rebuild_after_days: u32) -> Option<String> {
        let days = self.image_age_days;
        (1..=rebuild_after_days).contains(&days).then(|| {
            format!(
                "alarm.image-age-days must be 0 or more than policy.rebuild-after-days \
                 ({rebuild_after_days}): otherwise every image is too old before it is built again"
            )
        })
    }
}

/// An address that takes messages: the address itself, or the place where it is kept
/// secret, since everybody who knows it can send messages there.
#[derive(Clone, PartialEq, Eq)]
pub enum Webhook {
    /// Written in `image.yaml`.
    Address(Url),
    /// Kept elsewhere.
    Secret(SecretSource),
}

impl fmt::Display for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(url) => url.fmt(f),
            Self::Secret(source) => source.fmt(f),
        }
    }
}

impl Webhook {
    /// For a person: an address as far as its host, since the rest is what lets anybody
    /// write there.
    pub fn shown(&self) -> String {
        match self {
            Self::Address(url) => {
                let (scheme, rest) = url.as_str().split_once("://").unwrap_or_default();
                let host = rest.split('/').next().unwrap_or_default();
                format!("{scheme}://{host}/…")
            }
            Self::Secret(source) => source.to_string(),
        }
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl FromStr for Webhook {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Ok(source) = text.parse() {
            return Ok(Self::Secret(source));
        }
        // The text is not shown: it could be the secret itself.
        text.parse().map(Self::Address).map_err(|_: Error| {
            Error::malformed(
                "a webhook",
                "…",
                "https://HOST/TOPIC without a query, env:NAME of capitals, or file:PATH",
            )
        })
    }
}

version_discovery::serde_as_text!(Webhook);

/// The address of a mailbox: one that is safe as a word of a command line and in a
/// header, which is less than RFC 5322 allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail(String);

impl Mail {
    /// `name@host`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Mail {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let good = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
        let part = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphanumeric()) && part.chars().all(good)
        };
        // A local account has no host.
        let (name, host) = text.split_once('@').unwrap_or((text, "localhost"));
        match part(name) && part(host) && text.len() <= 254 {
            true => Ok(Self(text.to_owned())),
            false => Err(Error::malformed(
                "a mailbox",
                text,
                "NAME@HOST, or the name of an account",
            )),
        }
    }
}

version_discovery::serde_as_text!(Mail);

#[cfg(test)]
mod tests {
    use crate::*;

    #[test]
    fn a_webhook_is_an_address_or_where_it_is_kept() {
        for good in [
            "https://ntfy.sh/topic",
            "http://127.0.0.1:8080/x",
            "env:ALARM_WEBHOOK",
            "file:webhook.url",
        ] {
            assert_eq!(good.parse::<Webhook>().unwrap().to_string(), good);
        }
        for bad in ["", "hunter2", "env:", "https://u:hunter2@host/x", "ftp://x"] {
            let error = bad.parse::<Webhook>().unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_mailbox_is_a_word_and_no_option() {
        for good in ["root", "a.b+c@example.org"] {
            assert_eq!(good.parse::<Mail>().unwrap().as_str(), good);
        }
        for bad in ["", "-t", "a b", "a@", "@b", "a@b\nBcc: c", "a@b@c", "<a@b>"] {
            assert!(bad.parse::<Mail>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_age_that_a_quiet_week_reaches_is_refused() {
        let alarm = |image_age_days| Alarm {
            image_age_days,
            ..Alarm::default()
        };
        assert!(alarm(7).contradiction(7).is_some());
        assert!(alarm(8).contradiction(7).is_none());
        assert!(alarm(0).contradiction(7).is_none(), "it is switched off");
        assert!(alarm(1).contradiction(0).is_none());
    }
}
