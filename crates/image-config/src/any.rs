//! A valid value for each key that must be there. It stands in for a missing one, so
//! that the errors after it are found.

/// A value for a path without the numbers of items; nothing for a key that may be
/// left out.
pub(crate) fn any(path: &str) -> Option<&'static str> {
    Some(match path {
        "image" => "{owner: a, name: a, title: a, description: a}",
        "image.owner" | "image.name" | "image.title" | "image.description" => "a",
        "zfs" => "{series: \"2.4\"}",
        "zfs.series" => "\"2.4\"",
        "kmods" => "[{image: localhost/a, project: \"https://localhost/a\"}]",
        "kmods.image" | "retention.packages.image" => "localhost/a",
        "kmods.project" | "base.signature.lookaside" => "https://localhost/a",
        "base.signature.keyring" => "https://localhost/a.gpg",
        "base.signature.keys" => "[C6E7F081CF80E13146676E88829B606631645531]",
        "policy.pin.reason" | "lint-skips.lint" | "lint-skips.reason" => "a",
        "policy.pin.expires" => "9999-12-31",
        "boot.allow-failed.reason" | "ignition.allow.reason" => "a",
        "ignition.allow.lint" => "no-key",
        "boot.allow-failed.unit" => "a.service",
        "heal.minutes" => "1",
        "forge.kind" => "none",
        "content.copy.image" => "localhost/a:b",
        "content.copy.files" => "[]",
        "content.copy.files.from" | "content.copy.files.to" => "/usr/a",
        "content.repositories.name" | "content.repositories.key" => "a",
        "content.repositories.url" => "https://localhost/a",
        "content.steps.run" => "a",
        "content.selinux.contexts.path" => "/a",
        "content.selinux.contexts.type" => "a",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::Config;
    use crate::config::tests::GOOD;
    use crate::keys::Keys;

    #[test]
    fn every_key_that_must_be_there_has_a_value() {
        for path in Keys::of::<Config>().required() {
            let value = super::any(path).unwrap_or_else(|| panic!("{path}"));
            assert!(serde_yaml::from_str::<serde_yaml::Value>(value).is_ok());
        }
        // One that is not valid would be told as a mistake of the file.
        let text = format!(
            "{GOOD}policy: {{pin: {{}}, rule: pin}}\nforge: {{}}\nheal: {{}}\nbase: \
             {{signature: {{}}}}\nboot: {{allow-failed: [{{}}]}}\nignition: {{allow: [{{}}]}}\n\
             lint-skips: [{{}}]\nretention: {{packages: [{{}}]}}\ncontent: {{copy: [{{}}], \
             repositories: [{{}}], steps: [{{}}], selinux: {{contexts: [{{}}]}}}}\n"
        );
        let told = Config::parse(&text, "x".as_ref()).unwrap_err().to_string();
        let problems: Vec<&str> = told.lines().filter(|line| line.starts_with("x:")).collect();
        let missing = |line: &&str| line.ends_with("missing");
        assert!(problems.iter().all(missing), "{problems:#?}");
        assert_eq!(told.matches('`').count() / 2, 20, "{problems:#?}");
    }
}
