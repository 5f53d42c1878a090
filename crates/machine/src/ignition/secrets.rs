//! What must not stand in a file that everybody can read.

use serde_json::Value;

/// A kind of secret that a text seems to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secret {
    /// A password's hash: it can be guessed at leisure, offline.
    PasswordHash,
    /// A key's private half.
    PrivateKey,
    /// A word that opens something to whoever has it.
    Token(&'static str),
}

/// Beginnings of tokens, and what they belong to. Each is documented by its
/// maker to be found in leaked texts.
const TOKENS: [(&str, &str); 11] = [
    ("tskey-", "Tailscale key"),
    ("ghp_", "GitHub token"),
    ("gho_", "GitHub token"),
    ("ghs_", "GitHub token"),
    ("github_pat_", "GitHub token"),
    ("glpat-", "GitLab token"),
    ("xoxb-", "Slack token"),
    ("AKIA", "AWS key"),
    ("hvs.", "Vault token"),
    ("dckr_pat_", "Docker token"),
    ("npm_", "npm token"),
];

/// Letters that a token goes on with at least; shorter ones are words of prose.
const TOKEN_TAIL: usize = 16;

/// The secrets that a text seems to hold, each kind once.
pub fn find(text: &str) -> Vec<Secret> {
    let mut found = Vec::new();
    if has_hash(text) {
        found.push(Secret::PasswordHash);
    }
    if has_private_key(text) {
        found.push(Secret::PrivateKey);
    }
    for (start, owner) in TOKENS {
        let secret = Secret::Token(owner);
        let tail = |at: usize| {
            let rest = &text[at + start.len()..];
            let token = |c: &char| c.is_ascii_alphanumeric() || "-_".contains(*c);
            rest.chars().take_while(token).count()
        };
        let begins = |at: usize| !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
        let token = text
            .match_indices(start)
            .any(|(at, _)| begins(at) && tail(at) >= TOKEN_TAIL);
        if token && !found.contains(&secret) {
            found.push(secret);
        }
    }
    found
}

/// A hash in the form of crypt(5), anywhere in the text.
pub fn has_hash(text: &str) -> bool {
    const KINDS: [&str; 10] = [
        "$1$", "$2a$", "$2b$", "$2y$", "$5$", "$6$", "$7$", "$y$", "$gy$", "$sha1$",
    ];
    let hash = |c: char| c.is_ascii_alphanumeric() || "./$=,".contains(c);
    KINDS.iter().any(|kind| {
        text.match_indices(kind).any(|(at, _)| {
            let rest: String = text[at + kind.len()..]
                .chars()
                .take_while(|c| hash(*c))
                .collect();
            // A salt, a dollar and the hash; `$1$2` of a shell has none.
            rest.len() >= 20 && (rest.contains('$') || kind.starts_with("$2"))
        })
    })
}

fn has_private_key(text: &str) -> bool {
    let pem = text.split("-----BEGIN ").skip(1).any(|rest| {
        let label = rest.split("-----").next().unwrap_or_default();
        label.len() < 40 && label.ends_with("PRIVATE KEY")
    });
    // WireGuard's own form: `PrivateKey = …` with 32 bytes in base64.
    let wireguard = text.lines().any(|line| {
        let Some((key, value)) = line.split_once('=') else {
            return false;
        };
        let key = key.trim();
        (key == "PrivateKey" || key == "PresharedKey") && value.trim().len() == 44
    });
    pem || wireguard || text.contains("AGE-SECRET-KEY-1") || text.contains("BEGIN PGP PRIVATE")
}

/// A URL with a password in it.
pub fn has_credentials(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else {
        return false;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    host.rsplit_once('@')
        .is_some_and(|(user, _)| user.contains(':'))
}

/// Headers of a request that carry a secret, by name.
pub fn secret_headers(resource: &Value) -> Vec<String> {
    let names = super::view::list(&resource["httpHeaders"])
        .filter(|header| {
            header["value"]
                .as_str()
                .is_some_and(|value| !value.is_empty())
        })
        .filter_map(|header| header["name"].as_str());
    names
        .filter(|name| {
            let name = name.to_ascii_lowercase();
            name == "cookie"
                || ["authorization", "token", "api-key", "secret"]
                    .iter()
                    .any(|word| name.contains(word))
        })
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found() {
        let hash = "core:$y$j9T$abcdefghijklmnop$ABCDEFGHIJKLMNOPQRSTUVWXYZ:1::";
        assert_eq!(find(hash), [Secret::PasswordHash]);
        let bcrypt = "x:$2b$12$abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ01234";
        assert_eq!(find(bcrypt), [Secret::PasswordHash]);
        // Put together here, so that no scanner takes this file for a leak.
        let pem = format!("-----BEGIN {} KEY-----\nxx", "OPENSSH PRIVATE");
        assert_eq!(find(&pem), [Secret::PrivateKey]);
        let wireguard = format!("[Interface]\nPrivateKey = {}=\n", "a".repeat(43));
        assert_eq!(find(&wireguard), [Secret::PrivateKey]);
        let token = format!(
            "tailscale up --auth-key={}auth-k{}",
            "tskey-",
            "A1".repeat(12)
        );
        assert_eq!(find(&token), [Secret::Token("Tailscale key")]);
    }

    #[test]
    fn ordinary_texts_hold_none() {
        for text in [
            "echo $1$2 and $6$",
            "-----BEGIN PUBLIC KEY-----\n",
            "-----BEGIN CERTIFICATE-----",
            "the npm_config of tskey-x",
            "PrivateKeyFile = /etc/key",
            "MAKIAABCDEFGHIJKLMNOPQRST",
        ] {
            assert_eq!(find(text), [], "{text}");
        }
        assert!(has_credentials("https://user:pass@host/x"));
        assert!(!has_credentials("https://host/a:b@c"));
        assert!(!has_credentials("data:,a:b@c"));
    }
}
