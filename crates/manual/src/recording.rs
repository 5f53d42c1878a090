//! Recordings: real runs of the program, as the pictures of README and book.
//!
//! Each is a few lines that bash reads in a playground (`rehearse --shell`), or in this
//! checkout, on a terminal of its own. What that terminal is sent becomes an asciicast,
//! which `asciinema play` shows, and an animated SVG that needs no script. Both lie in
//! `docs/recordings`; `cargo xtask docs record` makes them anew.

mod cast;
mod marks;
mod svg;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use host::env::Env;
use host::process::Invocation;
use host::report::Report;
use host::{Error as HostError, files, process};

use crate::error::Error;
use crate::markdown::Code;
use cast::Cast;

/// The folder of the recordings, below the checkout.
pub const FOLDER: &str = "docs/recordings";

/// Columns and rows of the terminal.
const SIZE: (u16, u16) = (100, 28);

/// What no recording may show: places of the machine that it was made on.
const PRIVATE: [&str; 5] = ["/home/", "/root/", "/tmp/", "/srv/", "/work/"];

/// A recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Recording {
    /// Seven nights, rehearsed
    Rehearse,
    /// A night that publishes
    Build,
    /// A night on hold, explained
    Explain,
    /// Kernel modules that are for another kernel
    Broken,
    /// Which old versions go, and that they went
    Cleanup,
    /// A repository of one's own
    Init,
    /// An installation, tried in a virtual machine; made only where it is named
    Vm,
}

/// Where a recording is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In this checkout.
    Here,
    /// In a playground, in the night of this name.
    Playground(&'static str),
}

impl Recording {
    /// The name of its files.
    fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// What it shows, in a line.
    fn title(self) -> String {
        let value = self.to_possible_value();
        let help = value.and_then(|value| value.get_help().map(ToString::to_string));
        let help = help.unwrap_or_default();
        help.split(';').next().unwrap_or_default().to_owned()
    }

    fn place(self) -> Place {
        match self {
            Self::Rehearse | Self::Init | Self::Vm => Place::Here,
            Self::Build | Self::Cleanup => Place::Playground("well"),
            Self::Explain => Place::Playground("held"),
            Self::Broken => Place::Playground("broken"),
        }
    }

    /// What is typed.
    fn lines(self) -> &'static [&'static str] {
        match self {
            Self::Rehearse => &["cargo xtask rehearse"],
            Self::Build => &[
                "cargo xtask build --publish --force=recording",
                "cargo xtask verify ghcr.io/custom-coreos/custom-coreos:stable",
            ],
            Self::Explain => &["cargo xtask status", "cargo xtask explain"],
            Self::Broken => &["cargo xtask build --publish --force=recording"],
            Self::Cleanup => &[
                "cargo xtask cleanup --days 0 --keep 1 --most-share 90",
                "cargo xtask cleanup --days 0 --keep 1 --most-share 90 --execute",
            ],
            Self::Init => &[
                "cargo xtask init target/nas --owner me --host nas --key target/me.pub",
                "head -n 22 target/nas/image.yaml",
            ],
            Self::Vm => &["cargo xtask vm --base debian"],
        }
    }

    /// What is done before, and not shown.
    fn before(self) -> &'static str {
        match self {
            Self::Cleanup => "cargo xtask build --publish --force=again",
            Self::Init => {
                "rm -rf target/nas\n\
                 echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUjxtppGBlvQnJrOLiNIxDso7Gi2gqOTVXgWRLIHny2 me' >target/me.pub"
            }
            _ => "",
        }
    }

    /// What is done after it, and not shown.
    fn after(self) -> &'static str {
        match self {
            Self::Init => "rm -rf target/nas target/me.pub",
            _ => "",
        }
    }
}

/// Makes these recordings, or all that every machine can make. The files that were
/// written, below the checkout.
///
/// # Errors
/// If a terminal, a playground or a file cannot be made; if a recording would show a
/// place of this machine.
pub(crate) fn record(
    env: &Env,
    report: &Report,
    wanted: &[Recording],
) -> Result<Vec<PathBuf>, Error> {
    let all = Recording::value_variants();
    let wanted: Vec<Recording> = match wanted {
        [] => all
            .iter()
            .copied()
            .filter(|one| *one != Recording::Vm)
            .collect(),
        some => some.to_vec(),
    };
    let mut written = Vec::new();
    // One playground for all that are made in it.
    let mut places: Vec<Place> = Vec::new();
    for one in &wanted {
        if !places.contains(&one.place()) {
            places.push(one.place());
        }
    }
    for place in places {
        let here: Vec<Recording> = wanted
            .iter()
            .copied()
            .filter(|one| one.place() == place)
            .collect();
        let heard = type_them(env, report, place, &here)?;
        for one in here {
            written.extend(keep(env, &heard, one)?);
        }
    }
    Ok(written)
}

/// Has the lines typed, one recording after the other; what the terminal was sent.
fn type_them(
    env: &Env,
    report: &Report,
    place: Place,
    recordings: &[Recording],
) -> Result<Vec<process::Heard>, Error> {
    let exe = env.exe.display().to_string();
    let mut script = String::new();
    if place == Place::Here {
        script.push_str(&format!("cargo() {{ shift; '{exe}' \"$@\"; }}\n"));
    }
    for one in recordings {
        script.push_str(&format!(
            "{{\n{}\n:\n}} >/dev/null 2>&1 </dev/null\n",
            one.before()
        ));
        for line in one.lines() {
            report.status("Recording", line);
            script.push_str(&marks::before(&one.name(), line));
            // The script itself is bash's standard input.
            script.push_str(&format!("{line} </dev/null\n"));
        }
        script.push_str(&marks::after());
        script.push_str(&format!(
            "{{\n{}\n:\n}} >/dev/null 2>&1 </dev/null\n",
            one.after()
        ));
    }
    // What the last command ended with is what it shows.
    script.push_str("exit 0\n");
    let file = env.root.join("target/typed.sh");
    files::write(&file, script.as_bytes()).map_err(HostError::write(&file))?;
    let sh = process::shell(&env.root)?;
    for (name, value) in [("TERM", "xterm-256color"), ("LC_ALL", "C.UTF-8")] {
        sh.set_var(name, value);
    }
    let invocation = Invocation {
        stdin: Some(file),
        ..match place {
            Place::Here => Invocation::new("bash", ["--norc"]),
            Place::Playground(night) => {
                Invocation::new(&exe, ["rehearse", "--shell", "--scenario", night])
            }
        }
    };
    let (heard, code) = process::on_terminal(&sh, &invocation, SIZE)?;
    if code == Some(0) {
        return Ok(heard);
    }
    let said: Vec<u8> = heard.into_iter().flat_map(|(_, bytes)| bytes).collect();
    for line in String::from_utf8_lossy(&said).lines() {
        report.foreign(line);
    }
    Err(HostError::Program {
        program: invocation.program,
        detail: format!("what was to be recorded did not come to its end: {code:?}"),
    }
    .into())
}

/// Writes the files of the book.
fn keep(env: &Env, heard: &[process::Heard], one: Recording) -> Result<Vec<PathBuf>, Error> {
    let mut cast = Cast::of(SIZE, &one.title(), marks::between(heard, &one.name()));
    // The longest first: the checkout may be in the home.
    let home = env.home.as_ref().map(|home| home.display().to_string());
    cast.replace(&env.root.display().to_string(), "~/custom-coreos");
    if let Some(home) = home.filter(|home| home.len() > 1) {
        cast.replace(&home, "~");
    }
    if let Some(seen) = private(&cast) {
        return Err(Error::Private {
            name: one.name(),
            seen,
        });
    }
    let folder = env.root.join(FOLDER);
    files::make_dir(&folder)?;
    let mut written = Vec::new();
    for (end, text) in [("cast", cast.text()), ("svg", svg::picture(&cast))] {
        let path = Path::new(FOLDER).join(format!("{}.{end}", one.name()));
        let place = env.root.join(&path);
        files::write(&place, text.as_bytes()).map_err(HostError::write(&place))?;
        written.push(path);
    }
    Ok(written)
}

/// A place of the machine that a recording shows.
fn private(cast: &Cast) -> Option<String> {
    let text = cast.sent();
    let at = PRIVATE.iter().find_map(|place| text.find(place))?;
    let seen: String = text[at..]
        .chars()
        .take_while(|c| !c.is_whitespace())
        .collect();
    Some(host::one_line(&seen))
}

/// What does not hold of the recordings that are there: each must be of today's
/// commands, show no place of a machine, and look as its asciicast says. And the lines
/// that are typed in them, to be held against the grammar.
///
/// # Errors
/// If a file cannot be read.
pub(crate) fn problems(root: &Path) -> Result<(Vec<String>, Vec<Code>), Error> {
    let mut problems = Vec::new();
    let mut typed = Vec::new();
    for one in Recording::value_variants() {
        let name = one.name();
        let place = |end: &str| root.join(FOLDER).join(format!("{name}.{end}"));
        if !place("cast").is_file() && !place("svg").is_file() {
            continue;
        }
        let read =
            |end: &str| std::fs::read_to_string(place(end)).map_err(HostError::read(&place(end)));
        let wrong = match Cast::parse(&read("cast")?) {
            None => Some("is no asciicast".to_owned()),
            Some(cast) if cast.typed_lines() != one.lines() => {
                Some("is of other commands than today's".to_owned())
            }
            Some(cast) if svg::picture(&cast) != read("svg")? => {
                Some("is not what its SVG shows".to_owned())
            }
            Some(cast) => {
                private(&cast).map(|seen| format!("shows a place of a machine, `{seen}`"))
            }
        };
        problems.extend(wrong.map(|wrong| {
            format!("{FOLDER}/{name}.cast: {wrong}; `cargo xtask docs record {name}` makes it anew")
        }));
        typed.push(Code {
            text: one.lines().join("\n"),
            language: Some("sh".to_owned()),
            line: 1,
        });
    }
    Ok((problems, typed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_of_the_machine_is_seen() {
        let cast = |text: &str| Cast::of((20, 5), "t", vec![(0.0, text.to_owned())]);
        assert_eq!(private(&cast("~/custom-coreos and /usr/lib")), None);
        assert_eq!(
            private(&cast("in /home/someone/x now")),
            Some("/home/someone/x".to_owned())
        );
        // A piece may end anywhere.
        let cut = vec![(0.0, "/ho".to_owned()), (1.0, "me/someone".to_owned())];
        assert!(private(&Cast::of((20, 5), "t", cut)).is_some());
    }

    /// What in a picture a reader would have to fetch, or could be harmed by.
    fn foreign(svg: &str) -> Vec<String> {
        let document = roxmltree::Document::parse(svg).unwrap();
        let mut found = Vec::new();
        for node in document.descendants().filter(roxmltree::Node::is_element) {
            let name = node.tag_name().name();
            let known = ["svg", "title", "style", "defs", "g", "rect", "text", "use"];
            if !known.contains(&name) {
                found.push(name.to_owned());
            }
            for attribute in node.attributes() {
                let (name, value) = (attribute.name(), attribute.value());
                let elsewhere = name == "href" && !value.starts_with('#');
                if elsewhere || name.starts_with("on") || name == "style" {
                    found.push(format!("{name}={value}"));
                }
            }
            let style = node.text().filter(|_| name == "style").unwrap_or_default();
            let fetched = ["url(", "@import", "@font-face", "http"];
            let fetched = fetched.iter().filter(|word| style.contains(**word));
            found.extend(fetched.map(|word| (*word).to_owned()));
        }
        found
    }

    #[test]
    fn the_pictures_are_whole_small_and_fetch_nothing() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for one in Recording::value_variants() {
            let path = root.join(FOLDER).join(format!("{}.svg", one.name()));
            let svg = std::fs::read_to_string(&path).unwrap();
            assert_eq!(foreign(&svg), [""; 0], "{}", path.display());
            assert!(svg.len() < 200_000, "{}: {}", path.display(), svg.len());
        }
        let bad = "<svg xmlns='http://www.w3.org/2000/svg' onload='x'><script/><style>a{b:url(c)}\
                   </style><use href='d.svg#e'/></svg>";
        assert_eq!(foreign(bad), ["onload=x", "script", "url(", "href=d.svg#e"]);
    }

    #[test]
    fn what_is_there_must_hold() {
        let sh = xshell::Shell::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        let root = dir.path();
        let found = || problems(root).unwrap();
        assert!(found().0.is_empty() && found().1.is_empty());
        let one = Recording::Rehearse;
        let write = |end: &str, text: &str| {
            sh.write_file(root.join(FOLDER).join(format!("rehearse.{end}")), text)
                .unwrap();
        };
        let mut events = cast::typed("cargo xtask rehearse", 0.0);
        events.push((9.0, "done\r\n".to_owned()));
        let cast = Cast::of(SIZE, &one.title(), events.clone());
        write("cast", &cast.text());
        write("svg", &svg::picture(&cast));
        assert_eq!(found().0, [""; 0]);
        assert_eq!(found().1[0].text, "cargo xtask rehearse");
        write("svg", "<svg/>");
        assert!(found().0[0].contains("not what its SVG shows"));
        events.push((9.5, "/home/someone\r\n".to_owned()));
        let cast = Cast::of(SIZE, &one.title(), events);
        write("cast", &cast.text());
        write("svg", &svg::picture(&cast));
        assert!(found().0[0].contains("`/home/someone`"), "{:?}", found().0);
        let other = Cast::of(SIZE, "t", cast::typed("cargo xtask build", 0.0));
        write("cast", &other.text());
        assert!(found().0[0].contains("other commands"));
        write("cast", "{}");
        assert!(found().0[0].contains("no asciicast"));
    }
}
