//! What is valid in `image.yaml`, and will hardly do what was wanted. Nothing is refused
//! because of it: some of it depends on the day, and a policy may be strict on purpose.

use jiff::Timestamp;
use jiff::tz::Offset;

use crate::config::Config;
use crate::policy::RuleName;
use crate::signing::Unverified;
use crate::{Webhook, keys};

impl Config {
    /// The doubts about it at a time, each a sentence that names its keys.
    pub fn doubts(&self, now: Timestamp) -> Vec<String> {
        let today = Offset::UTC.to_datetime(now).date();
        let mut all = Vec::new();
        let pin = self.policy.pin.as_ref();
        let pin = pin.filter(|_| self.policy.rule == RuleName::Pin);
        if let Some(pin) = pin.filter(|pin| pin.expires < today) {
            all.push(format!(
                "policy.pin.expires: the pin ended on {}, so nothing is built; renew it, or remove \
                 the pin",
                pin.expires
            ));
        }
        let base = self.base.signature.is_some() || self.base.key.is_some();
        let kmods = self.kmods.iter().any(|source| source.key.is_some());
        if self.inputs.unverified == Unverified::Refuse && !(base && kmods) {
            let lacks = match (base, kmods) {
                (false, false) => "`base` has no `signature` and no `key`, and `kmods` no `key`",
                (false, true) => "`base` has no `signature` and no `key`",
                (true, _) => "no source of `kmods` has a `key`",
            };
            all.push(format!(
                "inputs.unverified: `refuse` builds nothing as long as {lacks}"
            ));
        }
        if self.retention.days == 0 && self.retention.keep == 0 {
            all.push(
                "retention: with `days: 0` and `keep: 0` a clean-up takes all images without a \
                 protected tag, and `rollback` finds none"
                    .to_owned(),
            );
        }
        if matches!(self.alarm.webhook, Some(Webhook::Address(_))) {
            all.push(
                "alarm.webhook: whoever reads this file can write to that address; env:NAME or \
                 file:PATH keeps it secret"
                    .to_owned(),
            );
        }
        all
    }

    /// The whole of it, every default filled in, for a person or a program to read: the
    /// address of a webhook is shown as far as its host.
    ///
    /// # Errors
    /// Never for a config that was parsed.
    pub fn shown(&self) -> Result<serde_yaml::Value, serde_yaml::Error> {
        let mut value = serde_yaml::to_value(self)?;
        let webhook = self.alarm.webhook.as_ref();
        if let Some(shown) = webhook.map(Webhook::shown)
            && let Some(place) = keys::value_at(&mut value, &["alarm", "webhook"])
        {
            *place = shown.into();
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::tests::GOOD;

    fn read(lines: &str) -> Config {
        Config::parse(&format!("{GOOD}{lines}"), Path::new("image.yaml")).unwrap()
    }

    fn doubts(lines: &str) -> Vec<String> {
        read(lines).doubts("2026-08-31T23:59:59Z".parse().unwrap())
    }

    #[test]
    fn what_will_hardly_do_what_was_wanted_is_doubted() {
        assert_eq!(doubts(""), [""; 0]);
        let pin = |day: &str| {
            format!("policy: {{rule: pin, pin: {{zfs: 2.4.1, reason: x, expires: {day}}}}}\n")
        };
        assert_eq!(doubts(&pin("2026-08-31")), [""; 0], "its last day");
        for (lines, says) in [
            (
                pin("2026-08-30"),
                "policy.pin.expires: the pin ended on 2026-08-30",
            ),
            (
                "inputs: {unverified: refuse}\n".to_owned(),
                "inputs.unverified: `refuse` builds nothing as long as `base` has no `signature` \
                 and no `key`, and `kmods` no `key`",
            ),
            (
                "inputs: {unverified: refuse}\nbase: {key: keys/base.pub}\n".to_owned(),
                "inputs.unverified: `refuse` builds nothing as long as no source of `kmods`",
            ),
            (
                "retention: {days: 0, keep: 0}\n".to_owned(),
                "retention: with `days: 0`",
            ),
            (
                "alarm: {webhook: \"https://ntfy.sh/topic\"}\n".to_owned(),
                "alarm.webhook: whoever reads this file",
            ),
        ] {
            let all = doubts(&lines);
            assert!(
                all.len() == 1 && all[0].starts_with(says),
                "{lines}: {all:?}"
            );
        }
    }

    #[test]
    fn a_webhook_is_shown_as_far_as_its_host() {
        let text = |lines: &str| {
            let config = read(lines);
            let shown = config.shown().unwrap();
            let json = serde_json::to_string(&shown).unwrap();
            let yaml = serde_yaml::to_string(&shown).unwrap();
            format!("{yaml}{json}{:?}", config.alarm)
        };
        let secret = text("alarm: {webhook: \"https://ntfy.sh/hunter2\"}\n");
        assert!(!secret.contains("hunter2"), "{secret}");
        assert_eq!(secret.matches("https://ntfy.sh/…").count(), 3, "{secret}");
        let name = text("alarm: {webhook: env:HOOK}\n");
        assert_eq!(name.matches("env:HOOK").count(), 3, "{name}");
    }
}
