//! Decides from an engine's error messages whether a failed transfer is tried again.
//! Pure.
//!
//! Engines have one exit code for every failure (125), so the error message has to be
//! read. `podman` and `buildah` try again by themselves, but only where the connection
//! broke: after 500 to 504, a truncated body, or a rate limit that they have already
//! waited for, they give up. A message that is not listed here is not tried again,
//! because it could also be about a typing error.

use registry_compat::Trouble;

/// Words for permanent errors: another try would fail in the same way. They are tested
/// first, because the message of a denied request may mention a connection, too.
const LASTING: &[&str] = &[
    "no space left",
    "disk quota exceeded",
    "read-only file system",
    "permission denied",
    "manifest unknown",
    "name unknown",
    "not found",
    "unauthorized",
    "authentication required",
    "denied",
    "forbidden",
    "invalid reference",
    "image not known",
    "digest did not match",
    "x509:",
    "certificate",
    "does not match",
    "source image rejected",
];

/// HTTP statuses for server errors, and how engines print a status. The text after the
/// number comes from the server, and is not always the standard one.
const STATUSES: [&str; 4] = ["500", "502", "503", "504"];
const TOLD: [(&str, &str); 3] = [
    ("http status: ", " "),
    ("from registry ", " ("),
    (": ", " ("),
];

/// Words for temporary errors. Those about the connection come from Go's `net`,
/// `net/http` and `io`, which all three engines are written with.
const PASSING: &[(&str, Trouble)] = &[
    ("toomanyrequests", Trouble::RateLimited),
    ("too many requests", Trouble::RateLimited),
    ("rate limit", Trouble::RateLimited),
    ("connection reset", Trouble::Unreachable),
    ("connection refused", Trouble::Unreachable),
    ("broken pipe", Trouble::Unreachable),
    ("network is unreachable", Trouble::Unreachable),
    ("no route to host", Trouble::Unreachable),
    ("i/o timeout", Trouble::Unreachable),
    ("tls handshake timeout", Trouble::Unreachable),
    ("deadline exceeded", Trouble::Unreachable),
    ("timeout awaiting response", Trouble::Unreachable),
    ("no such host", Trouble::Unreachable),
    ("temporary failure in name resolution", Trouble::Unreachable),
    ("server misbehaving", Trouble::Unreachable),
    ("unexpected eof", Trouble::Unreachable),
    (": eof", Trouble::Unreachable),
];

/// The kind of a failed transfer's error, if it is a temporary one. `code` is the exit
/// code, none if a signal ended the engine; `tail` are its last lines.
pub fn passing(code: Option<i32>, tail: &[String]) -> Option<Trouble> {
    // Ended by a signal: the memory ran out, or a person stopped it.
    let code = code?;
    if code == 0 || code > 128 {
        return None;
    }
    // The last message counts, not the warnings about earlier attempts.
    let begins = |line: &String| {
        let line = line.to_ascii_lowercase();
        line.starts_with("error") && !line.starts_with("error msg=")
    };
    let from = tail.iter().rposition(begins).unwrap_or(0);
    let said = tail.get(from..)?.join("\n").to_ascii_lowercase();
    if LASTING.iter().any(|words| said.contains(words)) {
        return None;
    }
    let known = PASSING.iter().find(|(words, _)| said.contains(words));
    let told = |status: &&str| {
        let told = |(before, after)| said.contains(&format!("{before}{status}{after}"));
        TOLD.into_iter().any(told)
    };
    let sick = STATUSES.iter().any(told);
    known
        .map(|(_, trouble)| *trouble)
        .or(sick.then_some(Trouble::ServerError))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages of podman 4.3.1 (containers/image 5.23) about a registry on loopback
    /// that gave these answers; addresses and digests shortened.
    const RECORDED: &[(&str, Option<Trouble>)] = &[
        (
            "Error: initializing source docker://R/a/b:latest: Get \"http://R/v2/a/b/manifests/latest\": read tcp 127.0.0.1:55896->R: read: connection reset by peer",
            Some(Trouble::Unreachable),
        ),
        (
            "Error: trying to reuse blob sha256:3a at destination: Head \"http://R/v2/a/b/blobs/sha256:3a\": EOF",
            Some(Trouble::Unreachable),
        ),
        (
            "Error: initializing source docker://R/a/b:latest: pinging container registry R: Get \"http://R/v2/\": dial tcp R: connect: connection refused",
            Some(Trouble::Unreachable),
        ),
        (
            "Error: initializing source docker://no-such-host.invalid/a/b:latest: pinging container registry no-such-host.invalid: Get \"https://no-such-host.invalid/v2/\": dial tcp: lookup no-such-host.invalid on 10.0.0.53:53: no such host",
            Some(Trouble::Unreachable),
        ),
        (
            "Error: writing blob: storing blob to file \"/var/tmp/storage3031509522/1\": happened during read: unexpected EOF",
            Some(Trouble::Unreachable),
        ),
        (
            "Error: writing blob: storing blob to file \"/var/tmp/storage3065085898/1\": happened during read: read tcp 127.0.0.1:57140->R: read: connection reset by peer",
            Some(Trouble::Unreachable),
        ),
        (
            "Error: reading blob sha256:59: Error fetching blob: invalid status code from registry 500 (Internal Server Error)",
            Some(Trouble::ServerError),
        ),
        (
            "Error: initializing source docker://R/a/b:latest: reading manifest latest in R/a/b: received unexpected HTTP status: 500 Internal Server Error",
            Some(Trouble::ServerError),
        ),
        (
            "Error: initializing source docker://R/a/b:latest: reading manifest latest in R/a/b: received unexpected HTTP status: 502 Bad Gateway",
            Some(Trouble::ServerError),
        ),
        (
            "Error: trying to reuse blob sha256:3a at destination: failed to read from destination repository a/b: 503 (Service Unavailable)",
            Some(Trouble::ServerError),
        ),
        (
            "Error: trying to reuse blob sha256:3a at destination: failed to read from destination repository a/b: 504 (Gateway Timeout)",
            Some(Trouble::ServerError),
        ),
        (
            "Error: initializing source docker://R/a/b:latest: reading manifest latest in R/a/b: toomanyrequests",
            Some(Trouble::RateLimited),
        ),
        (
            "Error: trying to reuse blob sha256:3a at destination: failed to read from destination repository a/b: 429 (Too Many Requests)",
            Some(Trouble::RateLimited),
        ),
        (
            "Error: initializing source docker://R/a/b:latest: reading manifest latest in R/a/b: unauthorized",
            None,
        ),
        (
            "Error: trying to reuse blob sha256:3a at destination: checking whether a blob sha256:3a exists in R/a/b: unauthorized: authentication required",
            None,
        ),
        (
            "Error: initializing source docker://R/a/b:latest: reading manifest latest in R/a/b: denied",
            None,
        ),
        (
            "Error: trying to reuse blob sha256:3a at destination: failed to read from destination repository a/b: 403 (Forbidden)",
            None,
        ),
        (
            "Error: initializing source docker://R/a/b:latest: reading manifest latest in R/a/b: manifest unknown",
            None,
        ),
        (
            "Error: writing blob: initiating layer upload to /v2/a/b/blobs/uploads/ in R: name unknown",
            None,
        ),
        (
            "Error: reading blob sha256:59: Error fetching blob: invalid status code from registry 404 (Not Found)",
            None,
        ),
        (
            "Error: writing blob: storing blob to file \"/var/tmp/storage1273439966/1\": happened during read: Digest did not match, expected sha256:9c, got sha256:65",
            None,
        ),
        (
            "Error: writing blob: adding layer with blob \"sha256:eb\": ApplyLayer stdout:  stderr: write /x: no space left on device exit status 1",
            None,
        ),
        ("Error: invalid reference format", None),
        ("Error: localhost/nothere: image not known", None),
    ];

    #[test]
    fn what_podman_has_said() {
        for (said, class) in RECORDED {
            let tail = [
                "Trying to pull R/a/b:latest...".to_owned(),
                (*said).to_owned(),
            ];
            assert_eq!(passing(Some(125), &tail), *class, "{said}");
        }
    }

    #[test]
    fn the_last_word_counts() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        // The engine lost its connection, tried again, and was denied.
        let denied = lines(
            "time=\"…\" level=warning msg=\"Failed, retrying in 1s ... (1/3). Error: … connection reset by peer\"\n\
             Error: reading manifest latest in R/a/b: denied",
        );
        assert_eq!(passing(Some(125), &denied), None);
        let docker = lines(
            "Error response from daemon: Get \"https://R/v2/\": net/http: TLS handshake timeout",
        );
        assert_eq!(passing(Some(1), &docker), Some(Trouble::Unreachable));
        let slow = lines("Error: … received unexpected HTTP status: 503 Slow Down");
        assert_eq!(passing(Some(125), &slow), Some(Trouble::ServerError));
    }

    #[test]
    fn a_signal_and_the_unknown_are_no_trouble_that_passes() {
        let reset = ["Error: connection reset by peer".to_owned()];
        assert_eq!(passing(None, &reset), None);
        assert_eq!(passing(Some(137), &reset), None);
        assert_eq!(passing(Some(125), &["Error: what?".to_owned()]), None);
        // A number alone is not an HTTP status.
        let number = "Error: writing blob 503 of 504: what?".to_owned();
        assert_eq!(passing(Some(125), &[number]), None);
        assert_eq!(passing(Some(125), &[]), None);
    }
}
