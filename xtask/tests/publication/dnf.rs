//! `packages.locked` with a real `dnf`: our own `install.sh`, `fetched.sh` and contract, in
//! a base with a package database that `rpm` has written, against signed repositories
//! over HTTP. What dnf decides there (priorities, excludes, what replaces what) has to be
//! in the lock, and nothing else in the image.

use std::path::{Path, PathBuf};

use host::process::{Background, Invocation};
use image_config::Config;
use rehearsal::standins;
use rehearsal::standins::StandIn;
use xshell::cmd;

use super::packages::{lock, packages};
use super::sandbox::{FCOS, KERNEL, REPOSITORY, Sandbox};
use super::support::signer::{Signer, program};

const FOLDER: &str = "containerfiles/custom-coreos";
const ARCH: &str = std::env::consts::ARCH;
/// `dnf` 4, as Debian has it: its files are found by dpkg.
const NEEDED: [&str; 7] = [
    "/usr/bin/dnf",
    "dpkg-query",
    "createrepo_c",
    "rpmbuild",
    "rpmsign",
    "gpg",
    "ldd",
];

/// Takes the network away from nobody: the repositories are on this machine's loopback.
const HOOK: &str = "if [[ $1 == build && $* != *--network=none* ]]; then set -- build --network=host \"${@:2}\"; fi\n";

/// A step without network, which knows the time that it may write, and makes a file that is
/// newer than anything.
const STEP: &str = "for one in /sys/class/net/*; do [[ $one == */lo ]] || exit 9; done
printf '%s\\n' \"$SOURCE_DATE_EPOCH\" >/usr/share/tool/late
touch --date=2100-01-01 /usr/share/tool/late
";

struct World {
    sandbox: Sandbox,
    folder: PathBuf,
    address: String,
    _served: Background,
}

/// The real scripts, and a base that has the real dnf.
fn world() -> Option<World> {
    for name in NEEDED {
        program(name)?;
    }
    let mut sandbox = Sandbox::new()?;
    let folder = sandbox.path("dnf");
    let sh = sandbox.sh();
    sh.create_dir(&folder).unwrap();
    let signer = Signer::new();
    sh.set_var("GNUPGHOME", signer.home());
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/publication/dnf");
    let other = if ARCH == "x86_64" {
        "aarch64"
    } else {
        "x86_64"
    };
    let (script, spec) = (ours.join("repositories.sh"), ours.join("packages.spec"));
    cmd!(sh, "bash {script} {folder} {spec} {ARCH} {other}")
        .quiet()
        .run()
        .unwrap();
    let serve = Invocation::new(
        "/usr/bin/python3",
        [
            "-u",
            "-m",
            "http.server",
            "--bind",
            "127.0.0.1",
            "--directory",
        ]
        .map(str::to_owned)
        .into_iter()
        .chain([folder.display().to_string(), "0".to_owned()]),
    );
    let log = sandbox.path("served.log");
    let mut served = Background::start(&sh, &serve, &log).unwrap();
    let address = served
        .wait_for(&log, |line| {
            let (_, rest) = line.split_once(" port ")?;
            Some(format!("http://127.0.0.1:{}", rest.split(' ').next()?))
        })
        .unwrap();
    base(&mut sandbox, &folder, &ours);
    checkout(&sandbox, &signer, &address);
    Some(World {
        sandbox,
        folder,
        address,
        _served: served,
    })
}

/// A base like Fedora's, with dnf and an old package, and the kmods.
fn base(sandbox: &mut Sandbox, folder: &Path, ours: &Path) {
    let sh = sandbox.sh();
    let spec = StandIn {
        engine: "podman".to_owned(),
        kernel: format!("{KERNEL}.{ARCH}"),
        zfs: "2.4.4".to_owned(),
        fcos: FCOS.to_owned(),
        stream: "stable".to_owned(),
        skopeo: None,
        sysroot: None,
        bootable: None,
        packages: Vec::new(),
        units: Vec::new(),
        selinux: false,
        wrong_kernel: format!("7.1.3-200.fc44.{ARCH}"),
    };
    let scratch = sandbox.path("standins");
    sh.create_dir(&scratch).unwrap();
    let made = standins::make(&sh, &scratch, &spec).unwrap();
    let (root, script) = (folder.join("root"), ours.join("root.sh"));
    cmd!(sh, "bash {script} {root}").quiet().run().unwrap();
    let part = format!("part-1.{ARCH}.rpm");
    sh.copy_file(folder.join("one").join(&part), root.join(&part))
        .unwrap();
    let text = format!(
        "FROM {}\nCOPY . /\nRUN rpm --install --nosignature /{part} && rm /{part}\n",
        made.base
    );
    let file = folder.join("Containerfile");
    sh.write_file(&file, text).unwrap();
    let build = cmd!(
        sh,
        "podman build --quiet --tag localhost/with-dnf --file {file} {root}"
    );
    build.quiet().ignore_stdout().run().unwrap();
    sandbox.push_image(&made.kmods, &sandbox.kmods().to_string());
    sandbox.follow("localhost/with-dnf");
}

/// The real scripts, the repositories, and what is asked for.
fn checkout(sandbox: &Sandbox, signer: &Signer, address: &str) {
    let sh = sandbox.sh();
    let real = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(FOLDER);
    // What the key of this checkout has brought there stays.
    let to = sandbox.path(FOLDER);
    cmd!(sh, "cp -r {real}/. {to}").quiet().run().unwrap();
    let text = sandbox.read(&format!("{FOLDER}/Containerfile"));
    assert!(text.contains("install.sh"));
    let repos = "rootfs/etc/yum.repos.d";
    sh.remove_path(to.join(repos)).unwrap();
    let key = String::from_utf8(signer.keyring(true)).unwrap();
    sandbox.write("keys/tools.asc", &key);
    sandbox.write("steps/late.sh", STEP);
    // By hand: a repository with options that `content.repositories` does not know.
    sandbox.write(&format!("{FOLDER}/rootfs/etc/pki/rpm-gpg/extra"), &key);
    sandbox.write(
        &format!("{FOLDER}/{repos}/extra.repo"),
        &format!(
            "[extra]\nname=Extra\nbaseurl={address}/extra\npriority=50\nexcludepkgs=cut\n\
             gpgcheck=1\ngpgkey=file:///etc/pki/rpm-gpg/extra\n"
        ),
    );
    sandbox.write("hook", HOOK);
}

impl World {
    /// What `image.yaml` asks for.
    fn ask(&self, names: &str, repository: &str) {
        let text = self.sandbox.read("image.yaml");
        let mut config = Config::parse(&text, Path::new("image.yaml")).unwrap();
        let yaml = format!("{{install: [{names}], remove: [nfs-utils-coreos], locked: true}}");
        config.packages = serde_yaml::from_str(&yaml).unwrap();
        config.units = serde_yaml::from_str("{disable: [zincati.service]}").unwrap();
        let yaml = format!(
            "{{repositories: [{{name: {repository}, url: \"{}/{repository}\", key: keys/tools.asc}}], \
             steps: [{{run: steps/late.sh}}]}}",
            self.address
        );
        config.content = serde_yaml::from_str(&yaml).unwrap();
        let text = serde_yaml::to_string(&config).unwrap();
        let split = "image:\n  layers: by-change\n";
        let text = match text.contains("layers:") {
            true => text,
            false => text.replacen("image:\n", split, 1),
        };
        let text = text.replace("judge: image", "judge: program");
        self.sandbox.write("image.yaml", &text);
    }

    fn refused(&self, args: &[&str], words: &[&str]) {
        let story = self.sandbox.run(args).expect(1);
        for word in words {
            assert!(story.contains(word), "{word}: {story}");
        }
    }
}

#[test]
fn a_real_dnf_decides_and_the_lock_has_it() {
    let Some(world) = world() else {
        return;
    };
    let sandbox = &world.sandbox;
    let resolve = ["resolve", "--force=a test", "--decide", "-o", "lock.json"];
    world.ask("tool, cut, provided, older, streamed", "tools");
    let story = sandbox
        .run(&["build", "--publish", "--force=a test"])
        .expect(0);
    let found = lock(sandbox);
    let all = packages(&found);
    let short: Vec<&str> = all
        .iter()
        .map(|line| line.rsplit_once(' ').unwrap().0)
        .collect();
    assert_eq!(
        short,
        [
            // Excluded from the first repository.
            format!("cut-0:1-1.{ARCH} tools"),
            // In the place of what was asked for.
            format!("newer-0:2-1.{ARCH} tools"),
            // The base had an older one.
            format!("part-0:2-1.{ARCH} tools"),
            format!("provider-0:2-1.{ARCH} tools"),
            // Of the module's stream, though there is a newer one.
            format!("streamed-0:1-1.{ARCH} tools"),
            // Of the first repository, though the second has a newer one.
            format!("tool-0:1-1.{ARCH} extra"),
        ],
        "{story}"
    );
    // It was built of these, and judged by the contract's own words.
    for name in ["provided", "older"] {
        let check = format!("package:{name}");
        assert!(story.contains(&check), "{check}: {story}");
    }

    let image = format!("{REPOSITORY}@{}", sandbox.digest("stable").unwrap());
    let story = sandbox.run(&["verify", &image, "--rebuild"]).expect(0);
    assert!(story.contains("rebuild package database"), "{story}");

    // No file is newer than the newest input, but for one whose package is.
    let sh = sandbox.sh();
    sh.set_var(
        "CONTAINERS_REGISTRIES_CONF",
        sandbox.path("registries.conf"),
    );
    let script = "cd /usr/share/tool; stat --format=%Y late version; rpm -q --qf '%{BUILDTIME}\\n' tool; cat late";
    let times = cmd!(
        sh,
        "podman run --rm --network=none --quiet --entrypoint=/usr/bin/bash {image} -c {script}"
    );
    let times = times.quiet().read().unwrap();
    let times: Vec<i64> = times.lines().map(|line| line.parse().unwrap()).collect();
    let newest = found.times.unwrap().newest_input.as_second();
    assert_eq!([times[0], times[3]], [newest; 2]);
    assert!(times[1] <= times[2], "{times:?}");

    // One is gone from its repository.
    let text = serde_json::to_string(&found).unwrap();
    sandbox.write("lock.json", &text);
    let extra = world.folder.join("extra");
    sh.remove_path(extra.join(format!("tool-1.{ARCH}.rpm")))
        .unwrap();
    cmd!(sh, "createrepo_c --quiet {extra}")
        .quiet()
        .run()
        .unwrap();
    let gone = format!("tool-0:1-1.{ARCH} of extra (they were there on ");
    world.refused(&["build", "--locked", "lock.json"], &[&gone]);

    // Nobody has signed it.
    world.ask("cut", "plain");
    world.refused(&resolve, &["cut-1", "is not signed"]);

    // No dnf, and no guess.
    sandbox.write(
        "no-dnf/Containerfile",
        "FROM localhost/with-dnf\nRUN rm /usr/bin/dnf\n",
    );
    let context = sandbox.path("no-dnf");
    let build = cmd!(sh, "podman build --quiet --tag localhost/no-dnf {context}");
    build.quiet().ignore_stdout().run().unwrap();
    sandbox.follow("localhost/no-dnf");
    world.ask("cut", "tools");
    world.refused(
        &resolve,
        &["expected dnf in the base image", "packages.locked"],
    );
}
