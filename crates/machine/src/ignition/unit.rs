//! Unit files as far as lints and facts read them.

/// An option of a unit file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The section, without brackets.
    pub section: String,
    /// The key.
    pub key: String,
    /// The value, continued lines joined.
    pub value: String,
}

/// The options of a unit file in their order. Source: systemd.syntax(7).
pub fn settings(text: &str) -> Vec<Setting> {
    let mut settings = Vec::new();
    let mut section = String::new();
    let mut open = String::new();
    for line in text.lines() {
        let line = line.trim();
        // A comment between continued lines is skipped, not joined.
        if line.starts_with(['#', ';']) || (line.is_empty() && open.is_empty()) {
            continue;
        }
        if let Some(more) = line.strip_suffix('\\') {
            open.push_str(more);
            open.push(' ');
            continue;
        }
        open.push_str(line);
        let whole = std::mem::take(&mut open);
        if let Some(name) = whole.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = name.to_owned();
        } else if let Some((key, value)) = whole.split_once('=') {
            settings.push(Setting {
                section: section.clone(),
                key: key.trim().to_owned(),
                value: value.trim().to_owned(),
            });
        }
    }
    settings
}

/// Whether enabling the unit would do something: a key in `[Install]` that has
/// a value.
pub fn installs(text: &str) -> bool {
    const KEYS: [&str; 5] = ["WantedBy", "RequiredBy", "UpheldBy", "Alias", "Also"];
    settings(text).iter().any(|setting| {
        setting.section == "Install"
            && KEYS.contains(&setting.key.as_str())
            && !setting.value.is_empty()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_and_comments_are_not() {
        let text = "[Service]\nExecStart=/bin/a \\\n  # why\n  b\n; c\n\n[Install]\nWantedBy=\n";
        let found = settings(text);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].value, "/bin/a  b");
        assert!(!installs(text));
        assert!(installs("[Install]\nAlias=x.service"));
        assert!(!installs("[Unit]\nWantedBy=x.target"));
    }
}
