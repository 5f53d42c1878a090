//! The real engine, and a registry that fails so often, or always.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};
use std::time::Duration;

use host::env::Env;
use host::failure::{Failure as _, Kind};
use host::process::Invocation;
use host::report::Report;
use image_publish::Error;
use image_publish::run::Run;
use image_publish::{Effect, Step};
use registry_compat::Digest;
use remote::loopback::{Loopback, Manner, Reply};
use remote::{Agent, Allowance, AuthFiles, Limits, Registries, RegistriesConf, Retries, Tries};
use serde_json::json;
use xshell::{Shell, TempDir};

use super::support::signer::program;

const TRIES: Tries = Tries {
    attempts: 4,
    pause: Duration::from_secs(5),
    limit: Duration::from_secs(600),
};

/// A registry with one image, which answers with `bad` as often as it is told
/// to when the manifest is asked for.
struct Sick {
    server: Loopback,
    asked: Arc<AtomicU32>,
}

impl Sick {
    fn start(failures: u32, bad: Reply) -> Self {
        let layer = vec![0_u8; 1024];
        let arch = if cfg!(target_arch = "aarch64") {
            "arm64"
        } else {
            "amd64"
        };
        let config = json!({
            "architecture": arch, "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [Digest::of(&layer)]},
        });
        let config = config.to_string().into_bytes();
        let part = |bytes: &[u8], kind: &str| {
            let media = format!("application/vnd.oci.image.{kind}");
            json!({"mediaType": media, "digest": Digest::of(bytes), "size": bytes.len()})
        };
        let media = "application/vnd.oci.image.manifest.v1+json";
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media,
            "config": part(&config, "config.v1+json"), "layers": [part(&layer, "layer.v1.tar")],
        });
        let manifest = manifest.to_string().into_bytes();
        let asked = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&asked);
        let server = Loopback::start(move |request| {
            let json = "application/json";
            if request.path.contains("/manifests/") {
                let number = count.fetch_add(1, Ordering::SeqCst);
                return match number < failures {
                    true => bad.clone(),
                    false => Reply::new(200, media, manifest.clone()),
                };
            }
            let blob = |bytes: &[u8]| request.path.ends_with(Digest::of(bytes).as_str());
            match () {
                () if blob(&config) => Reply::new(200, json, config.clone()),
                () if blob(&layer) => Reply::new(200, json, layer.clone()),
                () => Reply::new(200, json, "{}"),
            }
        })
        .unwrap();
        Self { server, asked }
    }
}

/// What came of fetching it, how often it was asked for, and which pauses there
/// were.
struct Fetched {
    outcome: Result<(), Error>,
    asked: u32,
    pauses: Vec<Duration>,
}

fn fetch(storage: &TempDir, sick: &Sick, allowance: Allowance) -> Fetched {
    fetch_with(storage, sick, allowance, TRIES)
}

fn fetch_with(storage: &TempDir, sick: &Sick, allowance: Allowance, tries: Tries) -> Fetched {
    let pauses: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let log = Arc::clone(&pauses);
    let waiter = move |pause| {
        log.lock().unwrap().push(pause);
        Ok(())
    };
    let retries = Arc::new(Retries::new(allowance, tries, 7, Box::new(waiter)));
    let limits = Limits::default();
    let registries = Registries::new(
        Agent::sharing(limits, retries),
        RegistriesConf::default(),
        AuthFiles::default(),
        Box::new(|_, _| Ok(None)),
        limits,
    )
    .unwrap();
    let report = Report::new(&Env::read().unwrap(), false);
    let place = |name: &str| storage.path().join(name).display().to_string();
    let image = format!("{}/a/b:latest", sick.server.address());
    let call = Invocation::new(
        "podman",
        [
            format!("--root={}", place("root")),
            format!("--runroot={}", place("run")),
            "--storage-driver=vfs".to_owned(),
            "pull".to_owned(),
            "--tls-verify=false".to_owned(),
            image,
        ],
    );
    let fetch = Step::new("fetch", [Effect::Transfer(call)]);
    let arch = std::env::consts::ARCH.parse().unwrap();
    let run = Run::new(storage.path(), &registries, &report, arch).unwrap();
    let outcome = run.programs(&[fetch]);
    let pauses = pauses.lock().unwrap().clone();
    Fetched {
        outcome,
        asked: sick.asked.load(Ordering::SeqCst),
        pauses,
    }
}

fn busy() -> Reply {
    Reply::new(503, "text/html", "<html>busy</html>")
}

#[test]
fn what_passes_is_waited_for_and_nothing_else() {
    if program("podman").is_none() {
        return;
    }
    let storage = Shell::new().unwrap().create_temp_dir().unwrap();
    let plenty = Allowance::default();
    // Podman itself asks once, and once more for a broken connection's sake.
    let fetched = fetch(&storage, &Sick::start(0, busy()), plenty);
    fetched.outcome.unwrap();
    assert_eq!((fetched.asked, fetched.pauses.len()), (1, 0));
    // Twice sick, then well.
    let fetched = fetch(&storage, &Sick::start(2, busy()), plenty);
    fetched.outcome.unwrap();
    assert_eq!((fetched.asked, fetched.pauses.len()), (3, 2));
    assert!(
        fetched.pauses[1] > fetched.pauses[0],
        "{:?}",
        fetched.pauses
    );
    // Never well.
    let fetched = fetch(&storage, &Sick::start(u32::MAX, busy()), plenty);
    let error = fetched.outcome.unwrap_err();
    assert_eq!((fetched.asked, fetched.pauses.len()), (4, 3));
    assert_eq!(error.exit_code(), 1);
    let error = error.to_string();
    for words in [
        "503",
        "gave up after 4 attempts: trouble of the registry's own",
    ] {
        assert!(error.contains(words), "{error}");
    }
    // Never well, and no patience left.
    let little = Allowance {
        repeats: 1,
        ..plenty
    };
    let fetched = fetch(&storage, &Sick::start(u32::MAX, busy()), little);
    let error = fetched.outcome.unwrap_err().to_string();
    assert_eq!((fetched.asked, fetched.pauses.len()), (2, 1));
    assert!(error.contains("after 2 attempts"), "{error}");
    assert!(error.contains("this run has waited enough"), "{error}");
    // What another try does not change.
    for (status, code) in [
        (404, "MANIFEST_UNKNOWN"),
        (403, "DENIED"),
        (401, "UNAUTHORIZED"),
    ] {
        let body = json!({"errors": [{"code": code, "message": "no"}]}).to_string();
        let sick = Sick::start(u32::MAX, Reply::new(status, "application/json", body));
        let fetched = fetch(&storage, &sick, plenty);
        let error = fetched.outcome.unwrap_err();
        assert!(
            matches!(error.kind(), Kind::Command(_)),
            "{status}: {error}"
        );
        assert_eq!((fetched.asked, fetched.pauses.len()), (1, 0), "{status}");
    }
    // A broken connection, which podman tries three times itself.
    let cut = busy().sent(Manner::Reset);
    let fetched = fetch(&storage, &Sick::start(6, cut), plenty);
    fetched.outcome.unwrap();
    assert_eq!(fetched.pauses.len(), 1);
}

#[test]
fn what_stalls_is_ended_and_not_tried_again() {
    if program("podman").is_none() {
        return;
    }
    let storage = Shell::new().unwrap().create_temp_dir().unwrap();
    let silent = Reply::new(200, "application/json", "never sent").sent(Manner::StallAfter(0));
    let short = Tries {
        limit: Duration::from_secs(2),
        ..TRIES
    };
    let fetched = fetch_with(
        &storage,
        &Sick::start(u32::MAX, silent),
        Allowance::default(),
        short,
    );
    let error = fetched.outcome.unwrap_err();
    assert_eq!(error.kind(), Kind::Registry, "{error}");
    assert!(error.to_string().contains("was ended"), "{error}");
    assert!(error.to_string().contains("`podman --root"), "{error}");
    assert_eq!(fetched.pauses.len(), 0);
}
