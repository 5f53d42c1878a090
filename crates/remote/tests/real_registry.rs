//! A real registry, and `skopeo` as the judge of what is in it.

use std::collections::{BTreeMap, BTreeSet};

use registry_compat::{Answer, ImageRef, Repository};
use remote::{Error, Inspected, Registries};
use serde_json::{Value, json};
use version_discovery::Arch;

use support::fake::{sha256, start, text};
use support::layout::Layout;
use support::process::{REGISTRY, Registry, Skopeo};
use support::{Want, calm, have, plain_http, registries};

mod support;

fn client(registry: &Registry) -> Registries {
    registries(&plain_http(&registry.address), None, calm())
}

fn image(text: &str) -> ImageRef {
    text.parse().expect("an image reference")
}

fn labels() -> Value {
    json!({
        "ostree.linux": "7.1.4-200.fc44.x86_64",
        "org.opencontainers.image.version": "44.20260707.3.1",
        "empty": "", "odd": "a \"quoted\" line\nand another, in Grüßen",
    })
}

/// Name, layout, and what `skopeo copy` is told beside it.
fn shapes() -> Vec<(&'static str, Layout, Vec<&'static str>)> {
    let single = |with_media_type| {
        let layout = Layout::new();
        let image = layout.image("amd64", &labels(), with_media_type);
        layout.of(image)
    };
    let both = |layout: &Layout| {
        ["amd64", "arm64"].map(|arch| layout.image(arch, &json!({"arch": arch}), true))
    };
    let pair = || {
        let layout = Layout::new();
        let index = layout.index(&both(&layout));
        layout.of(index)
    };
    let attested = {
        let layout = Layout::new();
        let [amd64, arm64] = both(&layout);
        let about = layout.attestation(&amd64);
        // First, where a careless reader takes it for the image.
        let index = layout.index(&[about, arm64, amd64]);
        layout.of(index)
    };
    let unlabelled = {
        let layout = Layout::new();
        let image = layout.image("amd64", &Value::Null, true);
        layout.of(image)
    };
    vec![
        ("oci", single(true), vec!["--preserve-digests"]),
        ("oci-no-type", single(false), vec!["--preserve-digests"]),
        ("docker", single(true), vec!["--format", "v2s2"]),
        ("index", pair(), vec!["--all", "--preserve-digests"]),
        ("list", pair(), vec!["--all", "--format", "v2s2"]),
        ("attested", attested, vec!["--all", "--preserve-digests"]),
        ("unlabelled", unlabelled, vec!["--preserve-digests"]),
    ]
}

/// What `skopeo` says of an image.
fn judged(skopeo: &Skopeo, name: &str, arch: Arch) -> (Value, Vec<u8>, Vec<u8>) {
    let url = format!("docker://{name}");
    let run = |more: &[&str]| {
        let mut arguments = vec![
            "--override-os",
            "linux",
            "--override-arch",
            arch.oci(),
            "inspect",
        ];
        arguments.extend(more);
        arguments.push(&url);
        skopeo.run(&arguments)
    };
    let summary = serde_json::from_slice(&run(&[])).expect("skopeo's JSON");
    (summary, run(&["--raw"]), run(&["--config", "--raw"]))
}

fn agree(skopeo: &Skopeo, client: &Registries, name: &str, arch: Arch) -> Inspected {
    let (summary, raw, config) = judged(skopeo, name, arch);
    let Answer::Present(found) = client.inspect(&image(name), arch) else {
        panic!("{name}: {:?}", client.inspect(&image(name), arch));
    };
    let wanted: Option<BTreeMap<String, String>> =
        serde_json::from_value(summary["Labels"].clone()).expect("labels");
    assert_eq!(summary["Digest"], found.digest.as_str(), "{name}");
    assert_eq!(sha256(&raw), found.digest, "{name}");
    assert_eq!(sha256(&config), found.config, "{name}");
    assert_eq!(wanted.unwrap_or_default(), found.labels, "{name}");
    assert_eq!(
        client.digest(&image(name)),
        Answer::Present(found.digest.clone())
    );
    found
}

fn listed(skopeo: &Skopeo, repository: &str) -> BTreeSet<String> {
    let text = skopeo.run(&["list-tags", &format!("docker://{repository}")]);
    let list: Value = serde_json::from_slice(&text).expect("skopeo's JSON");
    serde_json::from_value::<Option<_>>(list["Tags"].clone())
        .expect("tags")
        .unwrap_or_default()
}

#[test]
fn skopeo_agrees_on_every_shape() {
    if !have("skopeo_agrees_on_every_shape", &[REGISTRY, "skopeo"]) {
        return;
    }
    let registry = Registry::open();
    let skopeo = Skopeo::for_registry(&registry);
    let client = client(&registry);
    let repository = registry.name("nas/bootc");
    let mut tags = BTreeSet::new();
    for (shape, layout, how) in shapes() {
        let tag = format!("v1-{shape}");
        let name = format!("{repository}:{tag}");
        skopeo.push(&layout.directory, &name, &how);
        tags.insert(tag);
        let many = matches!(shape, "index" | "list" | "attested");
        for arch in [Arch::X86_64, Arch::Aarch64] {
            if arch == Arch::Aarch64 && !many {
                continue;
            }
            let by_tag = agree(&skopeo, &client, &name, arch);
            let by_digest = agree(
                &skopeo,
                &client,
                &format!("{repository}@{}", by_tag.digest),
                arch,
            );
            assert_eq!(by_tag, by_digest);
            assert_eq!(by_tag.manifest == by_tag.digest, !many, "{shape}");
            assert_eq!(by_tag.size, 32, "{shape}: one layer of 32 bytes");
            let raw = skopeo.run(&["inspect", "--raw", &format!("docker://{name}")]);
            let raw: Value = serde_json::from_slice(&raw).expect("a manifest");
            let media_type = match shape {
                "docker" => json!("application/vnd.docker.distribution.manifest.v2+json"),
                "list" => json!("application/vnd.docker.distribution.manifest.list.v2+json"),
                "index" | "attested" => json!(support::fake::INDEX),
                "oci-no-type" => Value::Null,
                _ => json!(support::fake::MANIFEST),
            };
            assert_eq!(raw["mediaType"], media_type, "{shape}");
            if many {
                assert_eq!(by_tag.labels["arch"], arch.oci());
                agree(
                    &skopeo,
                    &client,
                    &format!("{repository}@{}", by_tag.manifest),
                    arch,
                );
            }
        }
    }
    let Answer::Present(found) = client.tags(&repository.parse::<Repository>().expect("a name"))
    else {
        panic!("there are tags");
    };
    assert_eq!(found, tags);
    assert_eq!(found, listed(&skopeo, &repository));
}

#[test]
fn what_is_not_there() {
    if !have("what_is_not_there", &[REGISTRY, "skopeo"]) {
        return;
    }
    let registry = Registry::open();
    let skopeo = Skopeo::for_registry(&registry);
    let client = client(&registry);
    let layout = Layout::new();
    let arm = layout.image("arm64", &json!({}), true);
    let index = layout.index(std::slice::from_ref(&arm));
    let layout = layout.of(index);
    let repository = registry.name("a/b");
    let there = format!("{repository}:t");
    skopeo.push(&layout.directory, &there, &["--all", "--preserve-digests"]);
    let nothing = sha256(b"nothing");
    for name in [
        format!("{repository}:other"),
        format!("{repository}@{nothing}"),
        registry.name("no/such:t"),
        registry.name(&format!("no/such@{nothing}")),
    ] {
        let name = image(&name);
        assert_eq!(client.digest(&name), Answer::Absent, "{name}");
        assert_eq!(
            client.inspect(&name, Arch::X86_64),
            Answer::Absent,
            "{name}"
        );
        let tag = "new".parse().expect("a tag");
        let error = client.retag(&name, &tag).expect_err("there is nothing");
        assert!(matches!(error, Error::NotFound(_)), "{name}: {error}");
        assert!(
            !skopeo
                .try_run(&["inspect", &format!("docker://{name}")])
                .status
                .success()
        );
    }
    let none = registry.name("no/such").parse().expect("a repository");
    assert_eq!(client.tags(&none), Answer::Absent);
    // Another architecture.
    agree(&skopeo, &client, &there, Arch::Aarch64);
    assert_eq!(client.inspect(&image(&there), Arch::X86_64), Answer::Absent);
    // The index outlives its manifest: the registry contradicts itself.
    let child = format!("{repository}@{}", arm["digest"].as_str().expect("a digest"));
    skopeo.run(&["delete", &format!("docker://{child}")]);
    let found = client.inspect(&image(&there), Arch::Aarch64);
    assert_eq!(Want::of(&found), Want::Garbled);
    assert_eq!(Want::of(&client.digest(&image(&there))), Want::Present);
    // A repository that lost its last tag answers `null`.
    skopeo.run(&["delete", &format!("docker://{there}")]);
    let repository: Repository = repository.parse().expect("a repository");
    assert_eq!(client.tags(&repository), Answer::Present(BTreeSet::new()));
    assert_eq!(client.digest(&image(&there)), Answer::Absent);
}

#[test]
fn retag_keeps_every_byte() {
    if !have("retag_keeps_every_byte", &[REGISTRY, "skopeo"]) {
        return;
    }
    let registry = Registry::open();
    let skopeo = Skopeo::for_registry(&registry);
    let client = client(&registry);
    for (shape, layout, how) in shapes() {
        let repository = registry.name(&format!("retag/{shape}"));
        let candidate = format!("{repository}:candidate");
        skopeo.push(&layout.directory, &candidate, &how);
        let before = agree(&skopeo, &client, &candidate, Arch::X86_64);
        let by_digest = format!("{repository}@{}", before.digest);
        for (from, tag) in [
            (&candidate, "stable"),
            (&by_digest, "v1"),
            (&by_digest, "v1"),
        ] {
            client
                .retag(&image(from), &tag.parse().expect("a tag"))
                .expect("the tag is made");
            let moved = format!("{repository}:{tag}");
            let after = agree(&skopeo, &client, &moved, Arch::X86_64);
            assert_eq!(after, before, "{shape}: {tag}");
            let raw = |name: &str| skopeo.run(&["inspect", "--raw", &format!("docker://{name}")]);
            assert_eq!(raw(&moved), raw(&candidate), "{shape}: {tag}");
        }
        let name: Repository = repository.parse().expect("a repository");
        let tags = ["candidate", "stable", "v1"].map(str::to_owned);
        assert_eq!(client.tags(&name), Answer::Present(tags.into()));
    }
}

/// bcrypt of `test-password`, as `htpasswd -B` writes it.
const HTPASSWD: &str = "somebody:$2y$05$abcdefghijklmnopqrstuu34chBxBG/k9ApCErH1wl/WrV4FVTS/q\n";
const PASSWORD: &str = "test-password";

#[test]
fn credentials_that_a_login_wrote() {
    let registry = if have("credentials_that_a_login_wrote", &[REGISTRY, "skopeo"]) {
        Registry::guarded(HTPASSWD)
    } else {
        return;
    };
    let skopeo = Skopeo::for_registry(&registry);
    let repository = registry.name("a/b");
    let name = format!("{repository}:t");
    let layout = Layout::new();
    let it = layout.image("amd64", &labels(), true);
    let layout = layout.of(it);
    let conf = plain_http(&registry.address);
    let file = skopeo.auth_file();
    let file = file.to_str().expect("a path in UTF-8");
    for program in ["skopeo", "podman"] {
        if !have("credentials_that_a_login_wrote", &[program]) {
            continue;
        }
        std::fs::write(file, "{}").expect("the auth file is emptied");
        let arguments = [
            "login",
            "--authfile",
            file,
            "--tls-verify=false",
            "--username",
            "somebody",
            "--password",
            PASSWORD,
            registry.address.as_str(),
        ];
        let output = skopeo.run_program(program, &arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} login: {errors}");
        skopeo.push(&layout.directory, &name, &["--preserve-digests"]);
        let auth = std::fs::read_to_string(file).expect("the auth file");
        let client = registries(&conf, Some(&auth), calm());
        agree(&skopeo, &client, &name, Arch::X86_64);
        let tag = "new".parse().expect("a tag");
        client
            .retag(&image(&name), &tag)
            .expect("writing is allowed");
        let found: Repository = repository.parse().expect("a repository");
        assert_eq!(Want::of(&client.tags(&found)), Want::Present);
    }
    let wrong = format!(
        "{{\"auths\": {{\"{}\": {{\"auth\": \"c29tZWJvZHk6d3Jvbmc=\"}}}}}}",
        registry.address
    );
    for auth in [None, Some(wrong.as_str())] {
        let client = registries(&conf, auth, calm());
        // Not even for what is not there: nobody may know.
        for name in [
            name.clone(),
            format!("{repository}:none"),
            registry.name("no/such:t"),
        ] {
            let name = image(&name);
            assert_eq!(Want::of(&client.digest(&name)), Want::Denied);
            assert_eq!(Want::of(&client.inspect(&name, Arch::X86_64)), Want::Denied);
            assert_eq!(Want::of(&client.tags(name.repository())), Want::Denied);
        }
        let tag = "new".parse().expect("a tag");
        let error = client.retag(&image(&name), &tag).expect_err("not allowed");
        assert!(matches!(error, Error::Unknown(_)), "{error}");
        assert!(!error.to_string().contains(PASSWORD), "{error}");
    }
}

/// The same `registries.conf` leads `skopeo` and this crate to the same image.
#[test]
fn skopeo_agrees_on_registries_conf() {
    if !have("skopeo_agrees_on_registries_conf", &[REGISTRY, "skopeo"]) {
        return;
    }
    let (home, mirror) = (Registry::open(), Registry::open());
    let push = |registry: &Registry, name: &str, who: &str| {
        let layout = Layout::new();
        let it = layout.image("amd64", &json!({"who": who}), true);
        let layout = layout.of(it);
        let skopeo = Skopeo::for_registry(registry);
        skopeo.push(
            &layout.directory,
            &registry.name(name),
            &["--preserve-digests"],
        );
    };
    push(&home, "moved/team/both:t", "home");
    push(&home, "moved/team/one:t", "home");
    push(&mirror, "cache/team/both:t", "mirror");
    let down = remote::loopback::nobody().expect("a free port");
    let broken = start(|_| text(503, ""));
    let missing = Registry::open();
    let conf = |first: &str| {
        format!(
            "[[registry]]\nprefix = \"registry.invalid\"\nlocation = \"{}/moved\"\ninsecure = true\n\
             [[registry.mirror]]\nlocation = \"{first}/cache\"\ninsecure = true\n\
             [[registry.mirror]]\nlocation = \"{}/cache\"\ninsecure = true\n",
            home.address, mirror.address
        )
    };
    for first in [
        down.to_string(),
        missing.address.clone(),
        broken.address().to_string(),
    ] {
        let conf = conf(&first);
        let (skopeo, client) = (Skopeo::new(&conf), registries(&conf, None, calm()));
        for (name, who) in [("both", "mirror"), ("one", "home")] {
            let name = format!("registry.invalid/team/{name}:t");
            let url = format!("docker://{name}");
            // Without tags, which skopeo would ask the unmoved name for.
            let text = skopeo.run(&["inspect", "--no-tags", &url]);
            let summary: Value = serde_json::from_slice(&text).expect("skopeo's JSON");
            let Answer::Present(found) = client.inspect(&image(&name), Arch::X86_64) else {
                panic!("{name}: {:?}", client.digest(&image(&name)));
            };
            assert_eq!(summary["Labels"]["who"], who, "{first}: {name}");
            assert_eq!(found.labels["who"], who, "{first}: {name}");
            assert_eq!(summary["Digest"], found.digest.as_str(), "{first}: {name}");
        }
    }
    let blocked = "[[registry]]\nlocation = \"registry.invalid\"\nblocked = true\n";
    let name = "registry.invalid/team/both:t";
    let output = Skopeo::new(blocked).try_run(&["inspect", &format!("docker://{name}")]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("blocked"));
    let Answer::Unknown(why) = registries(blocked, None, calm()).digest(&image(name)) else {
        panic!("nobody may know");
    };
    assert!(why.detail.contains("blocked"), "{}", why.detail);
}
