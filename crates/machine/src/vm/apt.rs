//! The package sources of this machine, as far as they are Debian's own of one
//! release. Pure.
//!
//! A guest is made of what this machine installs from, so that a mirror or a
//! proxy that stands in its configuration is used. Other people's repositories
//! in it are not for the guest. Source: sources.list(5).

/// The sources of `suite` in one file: one entry a line (`.list`), or stanzas
/// (`.sources`). Nothing if there are none.
pub fn of_suite(text: &str, stanzas: bool, suite: &str) -> String {
    if stanzas {
        return text
            .split("\n\n")
            .filter_map(|stanza| stanza_of(stanza, suite))
            .collect();
    }
    text.lines()
        .filter(|line| is_entry_of(line, suite))
        .map(|line| format!("{}\n", line.trim()))
        .collect()
}

/// The release itself, its updates, its security fixes.
fn belongs(word: &str, suite: &str) -> bool {
    match word.strip_prefix(suite) {
        Some(rest) => ["", "-updates", "-security", "/updates"].contains(&rest),
        None => false,
    }
}

/// `deb [options] uri suite component…`
fn is_entry_of(line: &str, suite: &str) -> bool {
    let Some(rest) = line.trim().strip_prefix("deb ") else {
        return false;
    };
    let rest = rest.trim_start();
    let rest = match rest.strip_prefix('[').map(|rest| rest.split_once(']')) {
        None => rest,
        Some(Some((_, rest))) => rest,
        Some(None) => return false,
    };
    let mut words = rest.split_whitespace().skip(1);
    words.next().is_some_and(|word| belongs(word, suite)) && words.any(|word| word == "main")
}

/// A field of a stanza.
fn field<'a>(stanza: &'a str, name: &str) -> Option<&'a str> {
    stanza.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// The stanza with its suites of that release only.
fn stanza_of(stanza: &str, suite: &str) -> Option<String> {
    let field = |name: &str| field(stanza, name);
    let has = |name: &str, word: &str| field(name)?.split_whitespace().find(|w| *w == word);
    has("Types", "deb")?;
    has("Components", "main")?;
    if field("Enabled").is_some_and(|word| word.eq_ignore_ascii_case("no")) {
        return None;
    }
    let suites: Vec<&str> = field("Suites")?
        .split_whitespace()
        .filter(|word| belongs(word, suite))
        .collect();
    if suites.is_empty() {
        return None;
    }
    let mut text = String::new();
    for line in stanza.lines().filter(|line| !line.starts_with('#')) {
        let key = line.split(':').next().unwrap_or_default();
        if key.eq_ignore_ascii_case("Suites") {
            text.push_str(&format!("Suites: {}\n", suites.join(" ")));
        } else if key.eq_ignore_ascii_case("Types") {
            text.push_str("Types: deb\n");
        } else {
            text.push_str(&format!("{line}\n"));
        }
    }
    text.push('\n');
    Some(text)
}

/// The mirror that this machine fetches a release of Debian from: the first one
/// that its sources name, whatever the release.
pub fn mirror(text: &str, stanzas: bool) -> Option<String> {
    /// Releases that a guest is made of, or that it may be made on.
    const RELEASES: [&str; 5] = ["bookworm", "trixie", "forky", "stable", "sid"];
    if stanzas {
        let own = |stanza: &str| {
            let of_it = |suite: &&&str| stanza_of(stanza, suite).is_some();
            let suite = RELEASES.iter().find(of_it)?;
            // Not the security archive, which has no release in whole.
            let whole = field(stanza, "Suites")?
                .split_whitespace()
                .any(|word| word == *suite);
            let uri = field(stanza, "URIs")?.split_whitespace().next()?;
            whole.then(|| uri.to_owned())
        };
        return text.split("\n\n").find_map(own);
    }
    text.lines().find_map(|line| {
        let suite = RELEASES.iter().find(|suite| is_entry_of(line, suite))?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = words.iter().position(|word| word == suite)?;
        Some((*words.get(at.checked_sub(1)?)?).to_owned())
    })
}

/// apt's settings for fetching, out of `apt-config dump`: proxies among them.
/// They may hold a password: they go from file to file only.
pub fn fetching(dump: &str) -> String {
    let wanted = ["http:", "https:", "Check-", "Force", "Retries"];
    dump.lines()
        .filter(|line| {
            let rest = line.strip_prefix("Acquire::").unwrap_or_default();
            wanted.iter().any(|word| rest.starts_with(word)) && !line.ends_with(" \"\";")
        })
        .map(|line| format!("{line}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_the_release_and_of_nothing_else() {
        let text = "\
# deb http://mirror.example/debian bookworm main
deb http://mirror.example/debian bookworm main contrib
deb [arch=amd64 signed-by=/usr/share/k.gpg] http://mirror.example/debian bookworm-updates main
deb http://mirror.example/security bookworm-security main
deb-src http://mirror.example/debian bookworm main
deb http://mirror.example/debian bookworm-backports main
deb http://other.example/tool bookworm stable
deb http://other.example/tool trixie main
deb [broken http://other.example/tool bookworm main
";
        let found = of_suite(text, false, "bookworm");
        assert_eq!(found.lines().count(), 3, "{found}");
        assert!(found.contains("[arch=amd64 signed-by="));
        assert_eq!(of_suite(text, false, "book"), "");
    }

    #[test]
    fn stanzas_of_the_release_and_of_nothing_else() {
        let text = "\
Types: deb deb-src
# kept elsewhere
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://other.example/tool
Suites: bookworm
Components: stable

Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
Enabled: no
";
        assert_eq!(
            of_suite(text, true, "bookworm"),
            "Types: deb\nURIs: http://mirror.example/debian\n\
             Suites: bookworm bookworm-updates\nComponents: main\n\
             Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n"
        );
        assert_eq!(of_suite(text, true, "trixie"), "");
    }

    #[test]
    fn a_proxy_is_taken_along() {
        let dump = "APT \"\";\nAcquire \"\";\nAcquire::http \"\";\n\
                    Acquire::http::Proxy \"http://proxy.example:3128\";\nDir \"/\";\n\
                    Acquire::cdrom::mount \"/media/cdrom/\";\n";
        assert_eq!(
            fetching(dump),
            "Acquire::http::Proxy \"http://proxy.example:3128\";\n"
        );
    }

    #[test]
    fn the_mirror_is_the_one_of_this_machines_release() {
        let list = "deb http://sec.example/s bookworm-security main\n\
                    deb [arch=amd64 signed-by=/k] http://mirror.example/debian bookworm main\n";
        let found = mirror(list, false);
        assert_eq!(found.as_deref(), Some("http://mirror.example/debian"));
        let stanzas = "Types: deb\nURIs: http://sec.example/s\nSuites: trixie-security\n\
                       Components: main\n\nTypes: deb\nURIs: http://mirror.example/debian\n\
                       Suites: trixie trixie-updates\nComponents: main\n";
        let found = mirror(stanzas, true);
        assert_eq!(found.as_deref(), Some("http://mirror.example/debian"));
        assert_eq!(mirror("deb http://x/ubuntu noble main\n", false), None);
        assert_eq!(
            mirror(
                "Types: deb\nURIs: x\nSuites: noble\nComponents: main\n",
                true
            ),
            None
        );
    }
}
