//! Container images that a config makes a machine run or follow, and whether
//! something holds them: a digest, or a signature that the policy asks for.

use serde_json::Value;

use super::unit::settings;
use super::view::View;

/// An image that nothing holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loose {
    /// Where in the config.
    pub path: String,
    /// What is said there.
    pub what: String,
}

/// Kinds of quadlets whose `Image=` is pulled.
const QUADLETS: [&str; 3] = [".container", ".image", ".volume"];

/// Programs whose arguments may name an image.
const PROGRAMS: [&str; 6] = [
    "podman",
    "docker",
    "bootc",
    "rpm-ostree",
    "skopeo",
    "toolbox",
];

/// Every image of the config that has neither digest nor signature.
pub fn loose(view: &View) -> Vec<Loose> {
    let policy = policy(view);
    let mut found = Vec::new();
    let mut texts: Vec<(String, &str, String)> = view
        .units()
        .into_iter()
        .map(|unit| (unit.path, unit.name, unit.text.to_owned()))
        .collect();
    for file in view.files() {
        let unit = file.target.contains("/containers/systemd/")
            || file.target.contains("/systemd/system/");
        if let Some(text) = file.contents.text().filter(|_| unit) {
            texts.push((file.path, file.target, text));
        }
    }
    for (path, quadlet) in view.entries("systemd", "quadlets") {
        if let (Some(name), Some(text)) = (quadlet["name"].as_str(), quadlet["contents"].as_str()) {
            texts.push((format!("{path}.contents"), name, text.to_owned()));
        }
    }
    for (path, name, text) in &texts {
        let quadlet = QUADLETS.iter().any(|kind| name.ends_with(kind));
        for setting in settings(text) {
            let whats = if quadlet && setting.key == "Image" {
                image(&setting.value, policy.as_ref()).into_iter().collect()
            } else if setting.key.starts_with("Exec") {
                command(&setting.value, policy.as_ref())
            } else {
                Vec::new()
            };
            for what in whats {
                found.push(Loose {
                    path: path.clone(),
                    what,
                });
            }
        }
    }
    found
}

/// The signature policy that the config lays, if it does.
pub fn policy(view: &View) -> Option<Value> {
    let files = view.files();
    let file = files
        .iter()
        .find(|file| file.target == "/etc/containers/policy.json")?;
    serde_json::from_str(&file.contents.text()?).ok()
}

/// What is loose about a reference that is pulled.
fn image(reference: &str, policy: Option<&Value>) -> Option<String> {
    let reference = reference.trim_start_matches("docker://");
    // Another quadlet of the same machine, or an image of its own store.
    if reference.ends_with(".image")
        || reference.ends_with(".build")
        || reference.starts_with("localhost/")
    {
        return None;
    }
    let held = reference.contains("@sha256:") || policy.is_some_and(|p| holds(p, reference));
    (!held).then(|| format!("{reference} has no digest, and no policy.json asks for its signature"))
}

fn command(line: &str, policy: Option<&Value>) -> Vec<String> {
    let words: Vec<&str> = line
        .split(|c: char| c.is_whitespace() || "'\"".contains(c))
        .collect();
    let name = |word: &&str| {
        let word = word.trim_start_matches(['-', '@', '+', '!', ':']);
        word.rsplit('/')
            .next()
            .is_some_and(|name| PROGRAMS.contains(&name))
    };
    if !words.iter().any(name) {
        return Vec::new();
    }
    if let Some(word) = words
        .iter()
        .find(|word| word.starts_with("ostree-unverified-"))
    {
        return vec![format!("{word} turns signatures off")];
    }
    let switches = words
        .windows(2)
        .any(|pair| name(&pair[0]) && pair[0].ends_with("bootc") && pair[1] == "switch");
    let enforced = words.contains(&"--enforce-container-sigpolicy");
    let pinned = words.iter().any(|word| word.contains("@sha256:"));
    if switches {
        let loose = !enforced && !pinned;
        return loose
            .then(|| "`bootc switch` without --enforce-container-sigpolicy or a digest".to_owned())
            .into_iter()
            .collect();
    }
    words
        .iter()
        .filter(|word| looks_like_image(word))
        .filter_map(|word| image(word, policy))
        .collect()
}

/// `HOST.DOMAIN/NAME…`, as a word of a command line.
fn looks_like_image(word: &str) -> bool {
    let word = word.trim_start_matches("docker://");
    let Some((host, rest)) = word.split_once('/') else {
        return false;
    };
    let domain =
        host.contains('.') && !host.starts_with(['.', '-']) && !host.contains(['=', ':', '%', '$']);
    domain && rest.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
}

/// Whether the policy refuses the image without a signature. The longest scope
/// that fits decides. Source: containers-policy.json(5).
pub fn holds(policy: &Value, reference: &str) -> bool {
    let plain = reference.split('@').next().unwrap_or(reference);
    let mut scope = plain;
    let docker = &policy["transports"]["docker"];
    let rules = loop {
        if let Some(rules) = docker.get(scope) {
            break rules;
        }
        // The tag goes first, then path by path.
        let tag = scope.rfind(':').filter(|at| !scope[*at..].contains('/'));
        match tag.or_else(|| scope.rfind('/')) {
            Some(at) => scope = &scope[..at],
            None => match docker.get("") {
                Some(rules) => break rules,
                None => break &policy["default"],
            },
        }
    };
    let mut rules = super::view::list(rules).peekable();
    rules.peek().is_some() && rules.all(|rule| rule["type"] != "insecureAcceptAnything")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_longest_scope_decides() {
        let policy = json!({
            "default": [{ "type": "reject" }],
            "transports": { "docker": {
                "ghcr.io/me": [{ "type": "sigstoreSigned" }],
                "ghcr.io/me/open": [{ "type": "insecureAcceptAnything" }],
                "": [{ "type": "insecureAcceptAnything" }],
            } },
        });
        assert!(holds(&policy, "ghcr.io/me/x:stable"));
        assert!(!holds(&policy, "ghcr.io/me/open:stable"));
        assert!(!holds(&policy, "quay.io/you/x"));
        assert!(!holds(
            &json!({ "default": [{ "type": "insecureAcceptAnything" }] }),
            "a.b/c"
        ));
        assert!(holds(
            &json!({ "default": [{ "type": "reject" }] }),
            "localhost:5000/c"
        ));
        assert!(!holds(&json!({}), "a.b/c"));
    }

    #[test]
    fn command_lines() {
        let loose = |line: &str| command(line, None).len();
        assert_eq!(loose("/usr/bin/podman run --rm quay.io/a/b:1 sh"), 1);
        assert_eq!(
            loose("/usr/bin/podman run --rm quay.io/a/b@sha256:00 sh"),
            0
        );
        assert_eq!(loose("/usr/bin/podman run -v /a.b/c:/d localhost/x"), 0);
        assert_eq!(loose("-/usr/bin/bootc switch ghcr.io/a/b:stable"), 1);
        assert_eq!(
            loose("/usr/bin/bootc switch --enforce-container-sigpolicy ${IMAGE}"),
            0
        );
        assert_eq!(loose("/usr/bin/bootc switch ${IMAGE}"), 1);
        assert_eq!(
            loose("rpm-ostree rebase ostree-unverified-registry:a.b/c"),
            1
        );
        assert_eq!(
            loose("rpm-ostree rebase ostree-image-signed:docker://a.b/c"),
            0
        );
        assert_eq!(loose("/usr/bin/curl https://a.b/c"), 0);
    }
}
