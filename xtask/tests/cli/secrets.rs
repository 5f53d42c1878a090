//! Secrets go to the one server that they are for, and nowhere else.

use super::support::{Sandbox, until};

const TOKEN: &str = "secret-value-of-the-token";
const PASSWORD: &str = "secret-value-of-the-password";
/// `me:PASSWORD` in base64, as auth files have it.
const PAIR: &str = "bWU6c2VjcmV0LXZhbHVlLW9mLXRoZS1wYXNzd29yZA==";

/// The sandbox with a registry that wants a password, and what would give the
/// secrets away.
fn locked() -> (Sandbox, Vec<String>) {
    let sandbox = Sandbox::new();
    sandbox.upstream.lock();
    let address = sandbox.upstream.address();
    let auths = format!(r#"{{"auths": {{"{address}": {{"auth": "{PAIR}"}}}}}}"#);
    sandbox.write("auth.json", &auths);
    (
        sandbox,
        vec![TOKEN.to_owned(), PASSWORD.to_owned(), PAIR.to_owned()],
    )
}

#[test]
fn no_secret_is_printed_or_given_to_a_program() {
    let (sandbox, secrets) = locked();
    let output = sandbox.path("github-output").display().to_string();
    let summary = sandbox.path("summary").display().to_string();
    let env = [
        ("GITHUB_TOKEN", TOKEN),
        ("GITHUB_OUTPUT", &output),
        ("GITHUB_STEP_SUMMARY", &summary),
    ];
    let mut all = String::new();
    let mut run = |args: &[&str], code: i32| {
        let outcome = sandbox.run_with(args, &env);
        all.push_str(&format!("{outcome:?}\n"));
        outcome.expect(code);
    };
    run(&["build", "--publish"], 0);
    run(&["build", "--publish", "--json"], 0);
    run(&["versions", "--save-facts", "facts.json"], 0);
    run(&["resolve", "-o", "lock.json"], 0);
    run(&["doctor"], 1);
    // Trouble prints what was asked, and of whom.
    let denied = remote::loopback::Reply::new(403, "text/plain", "no");
    sandbox.upstream.answer("/v2/ghcr.io", denied.clone());
    run(&["build"], 3);
    sandbox.upstream.answer("/github", denied);
    run(&["zfs-version"], 3);
    for name in [
        "log",
        "github-output",
        "summary",
        "facts.json",
        "lock.json",
        "target/outcome.json",
    ] {
        let text = sandbox.read(name);
        assert!(!text.is_empty(), "{name}");
        all.push_str(&text);
    }
    for secret in &secrets {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
}

#[test]
fn each_server_gets_its_own_secret_only() {
    let (sandbox, secrets) = locked();
    sandbox
        .run_with(&["build", "--publish"], &[("GITHUB_TOKEN", TOKEN)])
        .expect(0);
    let sent = sandbox.upstream.headers("authorization");
    assert!(sent.iter().any(|(path, _)| path.starts_with("/github")));
    assert!(sent.iter().any(|(path, _)| path.starts_with("/v2/ghcr.io")));
    for (path, value) in sent {
        let own = match path.as_str() {
            p if p.starts_with("/github") => format!("Bearer {TOKEN}"),
            p if p.starts_with("/v2/") => format!("Basic {}", secrets[2]),
            other => panic!("{other} got {value}"),
        };
        assert_eq!(value, own, "{path}");
    }
}

/// What other users of the machine see: the command line of our program.
#[test]
fn no_secret_is_in_the_command_line_of_a_running_program() {
    let (sandbox, secrets) = locked();
    sandbox.on(
        "build",
        "cat /proc/$PPID/cmdline /proc/$$/cmdline >\"$here/lines\"",
    );
    sandbox
        .run_with(&["build"], &[("GITHUB_TOKEN", TOKEN)])
        .expect(0);
    until("the fake engine wrote", || sandbox.exists("lines"));
    let lines = sandbox.read("lines");
    assert!(
        lines.contains("xtask") && lines.contains("podman"),
        "{lines}"
    );
    for secret in &secrets {
        assert!(!lines.contains(secret), "{lines}");
    }
}

/// Whoever forgets the name has typed the value.
#[test]
fn a_credential_without_a_name_is_not_shown() {
    let sandbox = Sandbox::new();
    for given in ["secret-value", "key=secret-value", "KEY=secret-value"] {
        let outcome = sandbox.run(&["night", "install", "--dry-run", "--credential", given]);
        let said = format!("{outcome:?}");
        outcome.expect(2);
        assert!(said.contains("NAME=PATH"), "{said}");
        assert!(!said.contains("secret-value"), "{said}");
    }
}
