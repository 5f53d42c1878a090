//! What is made here out of Debian's packages, and kept in the person's cache
//! under the hash of its recipe: the guest of `vm`, and the kernel, ZFS and root
//! of the image that a rehearsal boots.

use std::path::{Path, PathBuf};

use host::files::make_dir;
use host::process;
use host::process::{Background, Capture, Invocation};
use image_build::gather::World;
use image_build::inputs::write;
use registry_compat::Digest;
use xshell::Shell;

use super::apt;
use super::cached::{copy, prune};
use super::console::Console;
use super::machine::bound_to_us;
use super::run::Reader;
use crate::error::Error;

/// Where Debian's and Ubuntu's package has the keys that Debian signs with.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// What a system that lives for two boots does not need.
pub const EXCLUDED: [&str; 3] = [
    "/usr/share/doc/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
];

/// A Debian that is made in a temporary folder, and what is taken out of it.
#[derive(Debug, Clone, Copy)]
pub struct Recipe<'a> {
    /// What its folder's name begins with in the cache: `debian`.
    pub prefix: &'a str,
    /// For people: `the guest`.
    pub title: &'a str,
    /// The release: `bookworm`.
    pub suite: &'a str,
    /// Of the archive: `main`, and others where something is in them.
    pub components: &'a [&'a str],
    /// What is installed.
    pub packages: &'a [&'a str],
    /// Files with these names, laid beside the new system for its hooks.
    pub files: &'a [(&'a str, &'a str)],
    /// Commands for a shell, in their order: `{NAME}` is the place of a file or of
    /// an output here, `$1` the new system. See mmdebstrap(1), `--customize-hook`.
    pub hooks: &'a [&'a str],
    /// What is taken out: names in the folder.
    pub outputs: &'a [&'a str],
}

impl Recipe<'_> {
    /// Its folder's name in the cache: the prefix, and a digest of everything that
    /// it is made of.
    pub fn name(&self) -> String {
        format!("{}-{}", self.prefix, self.digest())
    }

    /// That digest, shortened.
    pub fn digest(&self) -> String {
        let mut parts = vec![
            self.suite.to_owned(),
            self.packages.join(" "),
            EXCLUDED.join(" "),
        ];
        parts.extend(self.files.iter().map(|(_, text)| (*text).to_owned()));
        if self.components != ["main"] {
            parts.push(self.components.join(" "));
        }
        Digest::of(parts.join("\0").as_bytes()).hex()[..12].to_owned()
    }

    fn is_whole(&self, folder: &Path) -> bool {
        self.outputs.iter().all(|name| folder.join(name).is_file())
    }

    /// The folder with the outputs: from the cache, or made.
    ///
    /// # Errors
    /// If it has to be made and cannot be.
    pub fn get(
        &self,
        world: &World<'_>,
        sh: &Shell,
        cache: &Path,
        scratch: &Path,
    ) -> Result<PathBuf, Error> {
        let name = self.name();
        let folder = cache.join(&name);
        let (title, shown) = (self.title, folder.display());
        let found = || {
            let found = self.is_whole(&folder);
            if found {
                world.report.status("Found", &format!("{title} in {shown}"));
            }
            found
        };
        if found() {
            return Ok(folder);
        }
        able(world)?;
        // Two checkouts on one machine share the cache, and making it twice at a time
        // takes twice as long.
        make_dir(cache)?;
        let _lock = process::lock_when_free(&cache.join(format!(".{name}.lock")), || {
            let text = format!("for another run, which is making {title}");
            world.report.status("Waiting", &text);
        })?;
        if found() {
            return Ok(folder);
        }
        world
            .report
            .status("Making", &format!("{title}, in {shown}; once"));
        let made = scratch.join(self.prefix);
        make_dir(&made)?;
        self.bootstrap(world, sh, &made)?;
        self.settle(sh, &made, cache)?;
        Ok(folder)
    }

    /// mmdebstrap and its hooks.
    fn command(&self, folder: &Path, options: &Path, sources: &[PathBuf]) -> Invocation {
        let mut args = vec![
            "--variant=minbase".to_owned(),
            "--architectures=amd64".to_owned(),
            "--format=null".to_owned(),
            format!("--components={}", self.components.join(",")),
            format!("--include={}", self.packages.join(",")),
            format!("--aptopt={}", options.display()),
        ];
        let excluded = EXCLUDED.iter();
        args.extend(excluded.map(|path| format!("--dpkgopt=path-exclude={path}")));
        args.extend(self.hooks.iter().map(|hook| {
            let names = self.files.iter().map(|(name, _)| *name);
            let hook =
                names
                    .chain(self.outputs.iter().copied())
                    .fold((*hook).to_owned(), |hook, name| {
                        // A word for a shell; the folder's name needs no quoting, as it is
                        // ours.
                        let place = format!("'{}'", folder.join(name).display());
                        hook.replace(&format!("{{{name}}}"), &place)
                    });
            format!("--customize-hook={hook}")
        }));
        args.extend([self.suite.to_owned(), "-".to_owned()]);
        args.extend(sources.iter().map(|path| path.display().to_string()));
        Invocation::new("mmdebstrap", args)
    }

    fn bootstrap(&self, world: &World<'_>, sh: &Shell, folder: &Path) -> Result<(), Error> {
        for (name, text) in self.files {
            write(&folder.join(name), text)?;
        }
        let dump = Invocation::new("apt-config", ["dump"]);
        let options = folder.join("apt.conf");
        write(
            &options,
            &process::read(sh, &dump).map_or_else(|_| String::new(), |text| apt::fetching(&text)),
        )?;
        let sources = self.sources(folder, Path::new("/etc/apt"))?;
        if sources.is_empty() {
            let text = "  this machine's /etc/apt has no sources of it: mmdebstrap's own";
            world.report.note(text);
            if !Path::new(KEYRING).is_file() {
                return Err(Error::Usage(format!(
                    "{KEYRING} is not there: packages of Debian could not be trusted; \
                     `apt-get install debian-archive-keyring`"
                )));
            }
        }
        let temporary = folder.join("tmp");
        make_dir(&temporary)?;
        let variables = [
            // An initramfs at each kernel's package would be thrown away.
            "INITRD=No".to_owned(),
            format!("TMPDIR={}", temporary.display()),
        ];
        let invocation = self.command(folder, &options, &sources);
        let invocation = as_root(invocation, world.env.root_user, &variables);
        make(world, sh, &invocation, &folder.join("log"))
    }

    /// This machine's sources of the release, each kind in a file of its own. Of
    /// another release than this machine's, or with other components, the mirror
    /// that this machine uses.
    fn sources(&self, folder: &Path, apt: &Path) -> Result<Vec<PathBuf>, Error> {
        let mut files = vec![apt.join("sources.list")];
        let more = std::fs::read_dir(apt.join("sources.list.d"));
        files.extend(
            more.into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.path()),
        );
        files.sort();
        let read = |kind: &'static str| {
            files
                .iter()
                .filter(move |path| path.extension().is_some_and(|end| end == kind))
                // What is not there or not readable is not apt's either.
                .filter_map(|path| std::fs::read_to_string(path).ok())
        };
        let kinds = [("list", false), ("sources", true)];
        let mut found = Vec::new();
        let lay = |kind: &str, text: &str| {
            let place = folder.join(format!("guest.{kind}"));
            write(&place, text).map(|()| place)
        };
        if self.components == ["main"] {
            for (kind, stanzas) in kinds {
                let text: String = read(kind)
                    .map(|text| apt::of_suite(&text, stanzas, self.suite))
                    .collect();
                if !text.is_empty() {
                    found.push(lay(kind, &text)?);
                }
            }
        }
        let mirror = kinds.into_iter().find_map(|(kind, stanzas)| {
            let mut texts = read(kind);
            texts.find_map(|text| apt::mirror(&text, stanzas))
        });
        if let (true, Some(mirror), true) = (found.is_empty(), mirror, Path::new(KEYRING).is_file())
        {
            let (suite, components) = (self.suite, self.components.join(" "));
            let entry = format!("deb [signed-by={KEYRING}] {mirror} {suite} {components}\n");
            found.push(lay("list", &entry)?);
        }
        Ok(found)
    }

    /// Moves what was made into the cache, whole or not at all.
    fn settle(&self, sh: &Shell, made: &Path, cache: &Path) -> Result<(), Error> {
        let name = self.name();
        let beside = cache.join(format!(".{name}.{}", std::process::id()));
        make_dir(&beside)?;
        let moved = self
            .outputs
            .iter()
            // Another file system, perhaps; and `download` writes holes out.
            .try_for_each(|file| copy(sh, &made.join(file), &beside.join(file)))
            .and_then(|()| {
                Ok(
                    std::fs::rename(&beside, cache.join(&name)).or_else(|source| {
                        // Another run was quicker.
                        if self.is_whole(&cache.join(&name)) {
                            return Ok(());
                        }
                        Err(host::Error::File {
                            verb: "write",
                            path: cache.join(&name),
                            source,
                        })
                    })?,
                )
            });
        let _ = std::fs::remove_dir_all(&beside);
        moved?;
        prune(cache, self.prefix);
        Ok(())
    }
}

/// What making one takes.
fn able(world: &World<'_>) -> Result<(), Error> {
    for program in ["mmdebstrap", "mke2fs"] {
        if world.env.program(program).is_none() {
            return Err(host::Error::Program {
                program: program.to_owned(),
                detail: "not installed, and the guest has to be made with it; \
                         `apt-get install mmdebstrap e2fsprogs`"
                    .to_owned(),
            }
            .into());
        }
    }
    if std::env::consts::ARCH != "x86_64" {
        return Err(Error::Usage(format!(
            "the Debian guest is made for x86_64, this machine is {}",
            std::env::consts::ARCH
        )));
    }
    if !world.env.root_user && world.env.program("sudo").is_none() {
        return Err(Error::Usage(
            "the guest is made by root, because its files belong to root, and there is no sudo \
             here; run this once as root with the same `HOME`: the guest is kept in the cache"
                .to_owned(),
        ));
    }
    Ok(())
}

/// As root, with these variables.
fn as_root(invocation: Invocation, root: bool, variables: &[String]) -> Invocation {
    let mut words = vec!["env".to_owned()];
    if !root {
        words.insert(0, "sudo".to_owned());
    }
    words.extend_from_slice(variables);
    words.push(invocation.program);
    words.extend(invocation.args);
    Invocation::new(&words[0], words[1..].iter().cloned())
}

/// Runs it to its end. As root in namespaces of its own: whatever ends this
/// program ends every process in there, and with the last one go the mounts.
fn make(world: &World<'_>, sh: &Shell, invocation: &Invocation, log: &Path) -> Result<(), Error> {
    let has = |program| world.env.program(program).is_some();
    if !world.env.root_user || !has("unshare") || !has("setpriv") {
        // `sudo` may ask at the terminal, and hears Ctrl-C there.
        process::run(sh, invocation, Capture::Show, &mut |line| {
            world.report.foreign(line);
        })?;
        return Ok(());
    }
    let apart = apart(invocation);
    let mut lines = Console::default();
    let mut reader = Reader::new(log);
    let mut service = Background::start_apart(sh, &bound_to_us(&apart), log)?;
    service.poll(|ended, _| {
        lines.feed(&reader.next(), &mut |line| world.report.foreign(line));
        ended.then_some(())
    })?;
    lines.feed(&reader.next(), &mut |line| world.report.foreign(line));
    match service.status() {
        Some(status) if status.success() => Ok(()),
        status => Err(host::Error::Command {
            command: "mmdebstrap".to_owned(),
            status: status.map_or_else(String::new, |status| status.to_string()),
            code: status.and_then(|status| status.code()),
            tail: lines.tail(20),
        }
        .into()),
    }
}

/// In a process and mount namespace of its own; unshare(1) is of util-linux.
fn apart(invocation: &Invocation) -> Invocation {
    let words = [
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "--",
        invocation.program.as_str(),
    ];
    let words = words.into_iter().map(str::to_owned);
    Invocation::new("unshare", words.chain(invocation.args.iter().cloned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECIPE: Recipe<'_> = Recipe {
        prefix: "debian",
        title: "a guest",
        suite: "bookworm",
        components: &["main"],
        packages: &["a", "b"],
        files: &[("finish.sh", "true\n")],
        hooks: &["upload {finish.sh} /finish.sh", "download /out/disk {disk}"],
        outputs: &["vmlinuz", "disk"],
    };

    #[test]
    fn a_recipe_is_named_by_all_of_it() {
        let name = RECIPE.name();
        assert_eq!(name.len(), "debian-".len() + 12);
        let others = [
            Recipe {
                suite: "trixie",
                ..RECIPE
            },
            Recipe {
                packages: &["a"],
                ..RECIPE
            },
            Recipe {
                files: &[("finish.sh", "false\n")],
                ..RECIPE
            },
            Recipe {
                components: &["main", "contrib"],
                ..RECIPE
            },
        ];
        for other in others {
            assert_ne!(name, other.name(), "{other:?}");
        }
    }

    #[test]
    fn hooks_name_the_places_of_files_and_outputs() {
        let line = RECIPE
            .command(Path::new("/w"), Path::new("/w/apt.conf"), &[])
            .args
            .join(" ");
        assert!(line.contains("--customize-hook=upload '/w/finish.sh' /finish.sh "));
        assert!(line.contains("--customize-hook=download /out/disk '/w/disk' bookworm -"));
    }

    #[test]
    fn root_is_asked_for_only_by_others() {
        let invocation = Invocation::new("mmdebstrap", ["x"]);
        let variables = ["A=b".to_owned()];
        let line = as_root(invocation.clone(), true, &variables).to_string();
        assert_eq!(line, "env 'A=b' mmdebstrap x".replace('\'', ""));
        let line = as_root(invocation, false, &variables).to_string();
        assert_eq!(line, "sudo env A=b mmdebstrap x");
    }

    #[test]
    fn sources_come_from_both_kinds_of_files() {
        let sh = Shell::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        let (apt, out) = (dir.path().join("apt"), dir.path().join("out"));
        make_dir(&apt.join("sources.list.d")).unwrap();
        make_dir(&out).unwrap();
        assert!(RECIPE.sources(&out, &apt).unwrap().is_empty());
        let entry = "deb http://mirror.example/debian bookworm main\n";
        write(&apt.join("sources.list"), entry).unwrap();
        write(&apt.join("sources.list.d/off.list.disabled"), entry).unwrap();
        let stanza = "Types: deb\nURIs: x\nSuites: bookworm-security\nComponents: main\n";
        write(&apt.join("sources.list.d/debian.sources"), stanza).unwrap();
        let found = RECIPE.sources(&out, &apt).unwrap();
        assert_eq!(found, [out.join("guest.list"), out.join("guest.sources")]);
        assert_eq!(std::fs::read_to_string(&found[0]).unwrap(), entry);
        if Path::new(KEYRING).is_file() {
            let other = Recipe {
                suite: "trixie",
                components: &["main", "contrib"],
                ..RECIPE
            };
            let found = other.sources(&out, &apt).unwrap();
            assert_eq!(
                std::fs::read_to_string(&found[0]).unwrap(),
                format!(
                    "deb [signed-by={KEYRING}] http://mirror.example/debian trixie main contrib\n"
                )
            );
        }
    }

    #[test]
    fn a_guest_is_kept_whole_and_the_oldest_go() {
        let sh = Shell::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        let (made, cache) = (dir.path().join("made"), dir.path().join("cache"));
        make_dir(&made).unwrap();
        for other in ["fcos", "debianish"] {
            make_dir(&cache.join(other)).unwrap();
        }
        for (age, name) in ["debian-b", "debian-c", "debian-a"].iter().enumerate() {
            let path = cache.join(name);
            make_dir(&path).unwrap();
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(age as u64);
            let file = std::fs::File::open(&path).unwrap();
            file.set_modified(time).unwrap();
        }
        write(&made.join("vmlinuz"), "k").unwrap();
        // The disk is missing: nothing is kept.
        assert!(RECIPE.settle(&sh, &made, &cache).is_err());
        assert_eq!(sh.read_dir(&cache).unwrap().len(), 5);
        write(&made.join("disk"), "d").unwrap();
        for _ in 0..2 {
            RECIPE.settle(&sh, &made, &cache).unwrap();
            let own = RECIPE.name();
            assert!(RECIPE.is_whole(&cache.join(&own)));
            let left = sh.read_dir(&cache).unwrap();
            let mut names = ["debian-a", "debian-c", own.as_str(), "debianish", "fcos"]
                .map(|name| cache.join(name));
            names.sort();
            assert_eq!(left, names);
        }
    }
}
