//! What a real image needed within a year, each said in `image.yaml`: built from
//! stand-ins, checked by contract and checks of its own, published, cleaned up.

use std::fmt::Write as _;
use std::path::Path;

use host::process::{Background, Invocation};
use rehearsal::requirements::{REHEARSAL, containers_conf};
use xshell::{Shell, cmd};

use super::repository::Repository;
use super::skip::skip;

/// What needs more than a rehearsal: the images that files come from.
fn missing() -> Vec<&'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has = |name: &str| std::env::split_paths(&path).any(|dir| dir.join(name).is_file());
    let mut missing: Vec<&str> = REHEARSAL.into_iter().filter(|name| !has(name)).collect();
    missing.extend(
        ["docker-registry", "gpg", "sha256sum"]
            .iter()
            .filter(|name| !has(name)),
    );
    missing
}

/// A registry with the images of others, and where programs find it.
struct Others {
    sh: Shell,
    folder: std::path::PathBuf,
    _service: Background,
    address: String,
}

impl Others {
    fn start(repository: &Repository) -> Self {
        let folder = repository.path("target/others");
        std::fs::create_dir_all(&folder).unwrap();
        let sh = Shell::new().unwrap();
        let place = |name: &str| folder.join(name).display().to_string();
        let put = |name: &str, text: &str| sh.write_file(folder.join(name), text).unwrap();
        let format = "--format={{.Store.GraphDriverName}}";
        let driver = cmd!(sh, "podman info {format}").quiet().read().unwrap();
        let (graph, run) = (place("storage"), place("run"));
        put(
            "storage.conf",
            &format!(
                "[storage]\ndriver = \"{driver}\"\ngraphroot = \"{graph}\"\nrunroot = \"{run}\"\n"
            ),
        );
        sh.set_var("CONTAINERS_STORAGE_CONF", place("storage.conf"));
        if !Path::new("/run/systemd/system").is_dir() {
            let env = host::env::Env::read().unwrap();
            put("containers.conf", &containers_conf(&env));
            sh.set_var("CONTAINERS_CONF", place("containers.conf"));
        }
        let store = place("store");
        put(
            "registry.yaml",
            &format!(
                "version: 0.1\nlog: {{level: info}}\nstorage:\n  filesystem: {{rootdirectory: {store}}}\n  delete: {{enabled: true}}\nhttp: {{addr: '127.0.0.1:0'}}\n"
            ),
        );
        let log = folder.join("registry.log");
        let invocation = Invocation::new(
            "docker-registry",
            ["serve".to_owned(), place("registry.yaml")],
        );
        let mut service = Background::start(&sh, &invocation, &log).unwrap();
        let address = service
            .wait_for(&log, |line| {
                let (_, rest) = line.split_once("listening on ")?;
                rest.split(['"', ' ', ',']).next().map(str::to_owned)
            })
            .unwrap();
        put(
            "registries.conf",
            &format!(
                "[[registry]]\nprefix = \"ghcr.io\"\nlocation = \"{address}\"\ninsecure = true\n"
            ),
        );
        Self {
            sh,
            folder,
            _service: service,
            address,
        }
    }

    /// An image of a folder's files, made long ago, as others find it: by digest.
    fn image(&self, name: &str, files: &Path) -> String {
        let sh = &self.sh;
        let to = format!("{}/{name}", self.address);
        let file = self.folder.join("Containerfile");
        sh.write_file(&file, "FROM scratch\nCOPY . /\n").unwrap();
        let digest = self.folder.join("digest");
        cmd!(
            sh,
            "podman build --quiet --timestamp=1600000000 --tag {to} --file {file} {files}"
        )
        .quiet()
        .ignore_stdout()
        .run()
        .unwrap();
        cmd!(
            sh,
            "podman push --quiet --tls-verify=false --digestfile={digest} {to}"
        )
        .quiet()
        .ignore_stderr()
        .run()
        .unwrap();
        let digest = sh.read_file(&digest).unwrap();
        format!("ghcr.io/{name}@{}", digest.trim())
    }

    /// A folder with these files.
    fn files(&self, name: &str, files: &[(&str, &str)]) -> std::path::PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = self.folder.join(name);
        for (path, text) in files {
            let path = folder.join(path);
            self.sh.create_dir(path.parent().unwrap()).unwrap();
            self.sh.write_file(&path, text).unwrap();
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(&path, mode).unwrap();
        }
        folder
    }

    /// An OpenPGP key, as a package repository publishes it.
    fn pgp_key(&self) -> String {
        use std::os::unix::fs::PermissionsExt as _;
        let home = self.folder.join("gnupg");
        std::fs::create_dir_all(&home).unwrap();
        let mode = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(&home, mode).unwrap();
        let sh = &self.sh;
        let make = [
            "--quick-generate-key",
            "A repository",
            "rsa2048",
            "sign",
            "never",
        ];
        cmd!(
            sh,
            "gpg --homedir={home} --batch --quiet --passphrase= {make...}"
        )
        .quiet()
        .ignore_stderr()
        .run()
        .unwrap();
        let key = cmd!(sh, "gpg --homedir={home} --batch --armor --export");
        let key = key.quiet().read().unwrap();
        let end = cmd!(sh, "gpgconf --homedir {home} --kill all").quiet();
        let _ = end.ignore_status().ignore_stderr().run();
        key
    }

    /// A folder with this machine's own programs, and what they are linked with.
    fn programs(&self, names: &[&str]) -> std::path::PathBuf {
        let sh = &self.sh;
        let folder = self.folder.join("programs");
        for name in names {
            let script = "PATH=/usr/bin:/bin type -P \"$0\"";
            let path = cmd!(sh, "bash -c {script} {name}").quiet().read().unwrap();
            let to = folder.join("usr/bin").join(name);
            sh.create_dir(to.parent().unwrap()).unwrap();
            sh.copy_file(&path, &to).unwrap();
            let ldd = cmd!(sh, "ldd {path}").quiet().read().unwrap();
            for word in ldd.split_whitespace().filter(|word| word.starts_with('/')) {
                let to = folder.join(&word[1..]);
                sh.create_dir(to.parent().unwrap()).unwrap();
                sh.copy_file(word, to).unwrap();
            }
        }
        std::os::unix::fs::symlink("usr/bin", folder.join("bin")).unwrap();
        std::fs::create_dir_all(folder.join("tmp")).unwrap();
        std::os::unix::fs::symlink("bash", folder.join("usr/bin/sh")).unwrap();
        folder
    }
}

/// The repository with all of it declared.
fn declare(repository: &Repository, others: &Others) {
    let put = |name: &str, text: &str| repository.write(name, text);
    let sops = others.files(
        "sops",
        &[("usr/local/bin/sops", "#!/bin/sh\necho sops 3\n")],
    );
    let sops = others.image("getsops/sops:v3", &sops);
    let vector = [
        ("usr/bin/vector", "#!/bin/sh\necho vector 0.5\n"),
        ("LICENSE", "MPL\n"),
    ];
    let vector = others.image("vectordotdev/vector:0.5", &others.files("vector", &vector));
    let make = others.programs(&["bash", "sed", "sha256sum", "mkdir", "cp", "chmod", "cat"]);
    let make = others.image("fedora/fedora:44", &make);

    // A program that is compiled, with a patch, from a source that is verified.
    let source = "#!/bin/sh\n# version 1.28\necho crun @VERSION@\n";
    put("stages/crun/crun.in", source);
    let sum = registry_compat::Digest::of(source.as_bytes());
    put(
        "stages/crun/SHA256SUMS",
        &format!("{}  crun.in\n", sum.hex()),
    );
    put(
        "stages/crun/Containerfile",
        &format!(
            "FROM {make} AS make\nCOPY . /src\nRUN cd /src && sha256sum -c SHA256SUMS && \
             mkdir -p /out/usr/bin && sed 's/@VERSION@/1.28+patched/' crun.in >/out/usr/bin/crun && \
             chmod 0755 /out/usr/bin/crun\nFROM scratch\nCOPY --from=make /out /out\n"
        ),
    );

    // Forty units of one's own, and a program where the image owns the folder.
    let mut units = String::new();
    for number in 1..=40 {
        let name = format!("nas-{number:02}.service");
        put(
            &format!("overlays/units/usr/lib/systemd/system/{name}"),
            "[Unit]\nDescription=One of forty\n\n[Service]\nType=oneshot\nExecStart=/usr/bin/true\n\n[Install]\nWantedBy=multi-user.target\n",
        );
        writeln!(units, "    - {name}").unwrap();
    }
    put("overlays/local/usr/local/bin/nas-report", "#!/bin/sh\n");
    // In the place of one of ours.
    put(
        "overlays/local/usr/lib/modules-load.d/zfs.conf",
        "# mine\nzfs\n",
    );
    put(
        "overlays/local/usr/share/nas/services.toml",
        "[web]\nport = 8080\n",
    );

    // Two policy modules, and contexts for folders that no image has.
    put(
        "selinux/nas_web.cil",
        "; the port of the web server\n(typeattributeset cil_gen_require container_t)\n",
    );
    put(
        "selinux/nas_pool.cil",
        "(typeattributeset cil_gen_require container_file_t)\n",
    );

    // What a generator makes of one description, and a step that it needs.
    put(
        "generated/web.container",
        "[Container]\nImage=docker.io/library/nginx:1\n[Install]\nWantedBy=multi-user.target\n",
    );
    put("generated/nas.sysusers.conf", "u nas - \"Services\"\n");
    put(
        "generated/nas.tmpfiles.conf",
        "d /var/lib/nas 0750 root root -\n",
    );
    put(
        "steps/10-subids.sh",
        "printf 'nas:100000:65536\\n' >>/etc/subuid\ncat /usr/bin/crun >/dev/null\n",
    );
    put(
        "steps/90-last.sh",
        "[[ -e /etc/systemd/system/multi-user.target.wants/nas-40.service ]]\n",
    );

    // A repository whose packages are signed.
    put("keys/nas.asc", &others.pgp_key());

    // Checks of one's own.
    put(
        "contract.d/10-crun.sh",
        "found=$(/usr/bin/crun)\necho \"${found}\"\n[[ ${found} == 'crun 1.28+patched' ]]\n",
    );
    put(
        "contract.d/20-vector.sh",
        "/usr/bin/vector validate && grep mine /usr/lib/modules-load.d/zfs.conf && grep nas:100000 /etc/subuid\n",
    );

    let yaml = repository.read("image.yaml");
    let yaml = yaml
        .replace(
            "  install: [tailscale]",
            "  install: [tailscale, nftables, node-exporter, smartmontools, systemd-networkd, crun-krun, jq]",
        )
        .replace("  enable:\n", &format!("  enable:\n{units}    - nftables.service\n"))
        .replace(
            "    - zincati.service\n",
            "    - zincati.service\n    - systemd-networkd-wait-online.service\n    - fwupd-refresh.timer\n",
        )
        .replace(
            "  packages: []\n",
            "  packages:\n    - {image: ghcr.io/somebody/nas/bootc, back-end: registry}\n    - {image: ghcr.io/somebody/custom-coreos, back-end: registry}\n",
        );
    let content = format!(
        "\ncontent:\n  overlays: [overlays/units, overlays/local]\n  owned: [/usr/local]\n  copy:\n    \
         - image: {sops}\n      unsigned: keyless, and checked by hand at each new version\n      files:\n        \
         - {{from: /usr/local/bin/sops, to: /usr/bin/sops}}\n    \
         - image: {vector}\n      unsigned: its makers sign nothing\n      files:\n        \
         - {{from: /usr/bin/vector, to: /usr/bin/vector}}\n        \
         - {{from: /LICENSE, to: /usr/share/licenses/vector/LICENSE}}\n  stages: [crun]\n  \
         repositories:\n    - {{name: nas, url: 'https://nas.example/$basearch', key: keys/nas.asc}}\n  steps:\n    - run: steps/10-subids.sh\n    - {{run: steps/90-last.sh, at: last}}\n  \
         kernel-arguments: [zfs.zfs_arc_max=17179869184, quiet]\n  selinux:\n    \
         modules: [selinux/nas_web.cil, selinux/nas_pool.cil]\n    contexts:\n      \
         - {{path: '/srv/nas(/.*)?', type: container_file_t}}\n  \
         sysusers: [generated/nas.sysusers.conf]\n  tmpfiles: [generated/nas.tmpfiles.conf]\n  \
         quadlets: [generated/web.container]\n  checks: [contract.d/10-crun.sh, contract.d/20-vector.sh]\n"
    );
    put("image.yaml", &(yaml + &content));
}

#[test]
fn what_a_real_image_needed_is_said_built_published_and_cleaned_up() {
    let missing = missing();
    if !missing.is_empty() {
        skip(&format!("the rehearsal needs {}", missing.join(", ")));
        return;
    }
    let repository = Repository::new("content");
    let before = ours(&repository);
    let others = Others::start(&repository);
    declare(&repository, &others);
    let with = |words: &[&str]| {
        let conf = others.folder.join("registries.conf");
        let mut command = repository.command(words);
        command.env("CONTAINERS_REGISTRIES_CONF", conf);
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (
            output.status.code(),
            text + &String::from_utf8_lossy(&output.stderr),
        )
    };
    let (code, story) = with(&["rehearse", "--verbose"]);
    assert_eq!(code, Some(0), "{story}");
    for told in [
        "ok    owned:/usr/local",
        "ok    file:/usr/bin/sops",
        "ok    file:/usr/share/licenses/vector/LICENSE",
        "ok    selinux-module:nas_web",
        "ok    file-context:/srv/nas(/.*)?",
        "ok    kernel-argument:quiet",
        "ok    repository-signed:nas",
        "ok    repository-key:nas",
        "ok    sysusers:nas.sysusers.conf",
        "ok    tmpfiles:nas.tmpfiles.conf",
        "ok    quadlet:web.container",
        "ok    unit-enabled:nas-40.service",
        "ok    unit-disabled:fwupd-refresh.timer",
        "ok    package:crun-krun",
        "ok    own:10-crun",
        "crun 1.28+patched",
        "ok    own:20-vector",
        "Unchanged stage crun of the same inputs",
    ] {
        let squeezed = story.split_whitespace().collect::<Vec<_>>().join(" ");
        let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed.contains(&told), "{told}: {story}");
    }
    // Nothing of ours was changed for it.
    assert_eq!(ours(&repository), before);

    // The old package is cleaned up beside the new one.
    for name in ["nas/bootc", "custom-coreos"] {
        for tag in ["20260101", "20260102", "20260103", "20260104", "20260105"] {
            let files = others.files(&format!("{name}-{tag}"), &[("tag", tag)]);
            others.image(&format!("somebody/{name}:{tag}"), &files);
        }
    }
    let (code, story) = with(&["cleanup", "--days=30", "--keep=3", "--execute"]);
    assert_eq!(code, Some(0), "{story}");
    for name in ["nas/bootc", "custom-coreos"] {
        let image = format!("{}/somebody/{name}", others.address);
        let sh = &others.sh;
        let format = "--format={{.Tag}}";
        let tags = cmd!(
            sh,
            "podman search --tls-verify=false --list-tags {image} {format}"
        );
        let tags = tags.quiet().read().unwrap();
        // Podman 4 prints the name as well.
        let tag = |line: &str| line.split_whitespace().last().map(str::to_owned);
        let left = tags.lines().filter_map(tag);
        let left = left.filter(|tag| tag.starts_with("2026")).count();
        assert_eq!(left, 3, "{name}: {tags}: {story}");
    }
}

/// The templates of the repository: what `update` would have to say of them.
fn ours(repository: &Repository) -> String {
    repository.run(&["update", "--dry-run"]).text
}
