//! What the tasks do.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use clap::Command;
use host::env::Env;
use host::report::Report;
use host::{Done, Error as HostError, files, process};
use image_config::{Config, Images};
use remote::serve::{Bound, Page};
use sha2::{Digest as _, Sha256};

use crate::args::{CompletionsArgs, DistArgs, DocsArgs, DocsTask, ManArgs, Task};
use crate::completions::Values;
use crate::error::Error;
use crate::install::{self, Installed};
use crate::pages::Sources;
use crate::{book, check, completions as shells, man as manual, recording};

/// Does one of the tasks. `image_yaml` is where that file is; only the book needs it
/// to be valid.
///
/// # Errors
/// If mdBook is not there or fails, or a file cannot be read or written.
pub fn run(
    env: &Env,
    report: &Report,
    image_yaml: &Path,
    (command, groups): (&Command, &[(&str, &[&str])]),
    task: &Task,
) -> Result<Done, Error> {
    match task {
        Task::Completions(args) => {
            let images = Images::load(image_yaml).ok();
            completions(env, report, images.as_ref(), command, args)
        }
        Task::Man(args) => man(env, report, command, args),
        Task::Dist(args) => {
            let images = Images::load(image_yaml).ok();
            dist(env, report, images.as_ref(), command, args)
        }
        Task::Docs(args) => {
            let images = Images::load(image_yaml)?;
            let config = &images.first().config;
            let text = std::fs::read_to_string(image_yaml);
            let sources = Sources {
                command,
                groups,
                image_yaml: &text.map_err(HostError::read(image_yaml))?,
            };
            docs(env, report, config, &sources, args)
        }
    }
}

/// `completions`: the script, on standard output.
fn completions(
    env: &Env,
    report: &Report,
    images: Option<&Images>,
    command: &Command,
    args: &CompletionsArgs,
) -> Result<Done, Error> {
    let values = Values::of(&env.root, images);
    if args.install {
        let installed = install::completions(env, command, &values, args.shell)?;
        return told(report, &installed);
    }
    let script = shells::script(args.shell, command, &values);
    report.answer(script.trim_end());
    report.document(&BTreeMap::from([("script", script)]))?;
    Ok(Done::Success)
}

/// `man`: the pages, in a folder.
fn man(env: &Env, report: &Report, command: &Command, args: &ManArgs) -> Result<Done, Error> {
    if args.install {
        return told(report, &install::man_pages(env, command)?);
    }
    let folder = env.root.join(&args.folder);
    files::make_dir(&folder)?;
    let mut written = Vec::new();
    for (name, text) in manual::pages(command) {
        let path = folder.join(name);
        files::write(&path, &text).map_err(HostError::write(&path))?;
        written.push(path.display().to_string());
    }
    report.status("Wrote", &format!("{} pages", written.len()));
    report.answer(&format!("{}", folder.display()));
    report.document(&BTreeMap::from([("pages", written)]))?;
    Ok(Done::Success)
}

/// What was installed, and what is left to do.
fn told(report: &Report, installed: &Installed) -> Result<Done, Error> {
    for path in &installed.files {
        report.answer(&path.display().to_string());
    }
    for note in &installed.notes {
        report.note(note);
    }
    report.document(&BTreeMap::from([("installed", &installed.files)]))?;
    Ok(Done::Success)
}

/// `dist`: the archive.
fn dist(
    env: &Env,
    report: &Report,
    images: Option<&Images>,
    command: &Command,
    args: &DistArgs,
) -> Result<Done, Error> {
    let values = Values::of(&env.root, images);
    let path = env.root.join(&args.file);
    let (bytes, count) = install::archive(command, &values).map_err(HostError::write(&path))?;
    if let Some(folder) = path.parent() {
        files::make_dir(folder)?;
    }
    files::write(&path, &bytes).map_err(HostError::write(&path))?;
    let size = bytes.len().div_ceil(1000);
    report.status("Packed", &format!("{count} files, {size} KB"));
    report.answer(&path.display().to_string());
    report.document(&BTreeMap::from([("archive", path)]))?;
    Ok(Done::Success)
}

/// `docs`: the book, made, checked or shown.
fn docs(
    env: &Env,
    report: &Report,
    config: &Config,
    sources: &Sources<'_>,
    args: &DocsArgs,
) -> Result<Done, Error> {
    if let Some(DocsTask::Record(args)) = &args.task {
        let written = recording::record(env, report, &args.recordings)?;
        for path in &written {
            report.answer(&path.display().to_string());
        }
        report.document(&BTreeMap::from([("recordings", written)]))?;
        return Ok(Done::Success);
    }
    if args.check {
        let problems = check::problems(&env.root, sources)?;
        for problem in &problems {
            report.answer(problem);
        }
        report.document(&BTreeMap::from([("problems", &problems)]))?;
        if problems.is_empty() {
            report.status("Checked", "pages, links and command lines hold");
            return Ok(Done::Success);
        }
        return Ok(Done::CheckFailed);
    }
    for path in book::renew(&env.root, sources)? {
        report.status("Wrote", &path.display().to_string());
    }
    let made = book::build(env, report, &repository(config))?;
    if args.serve {
        return serve(report, &made, args.port);
    }
    let place = match &args.output {
        None => made,
        Some(output) => {
            let output = env.root.join(output);
            book::publish(&made, &output)?;
            output
        }
    };
    report.answer(&place.join("index.html").display().to_string());
    report.document(&BTreeMap::from([("book", place)]))?;
    Ok(Done::Success)
}

/// Where the sources are read by others.
fn repository(config: &Config) -> String {
    let image = &config.image;
    match &config.github.repository {
        Some(repository) => format!("https://github.com/{repository}"),
        None => format!("https://github.com/{}/{}", image.owner, image.name),
    }
}

/// Shows the book until Ctrl-C.
fn serve(report: &Report, made: &Path, port: u16) -> Result<Done, Error> {
    let bound = Bound::to(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    let url = format!("{}/", bound.url());
    let mut pages = BTreeMap::new();
    collect(made, "", &mut pages)?;
    let (log, served) = channel();
    let _server = bound.serve(pages, log);
    report.status("Serving", &format!("{url}, until Ctrl-C"));
    report.answer(&url);
    report.document(&BTreeMap::from([("url", url)]))?;
    // Ctrl-C is how this ends, and no failure.
    process::minding(|| {
        loop {
            match served.recv_timeout(Duration::from_millis(100)) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) if !process::interrupted() => {}
                Err(_) => return Ok(Done::Success),
            }
        }
    })
}

/// Every file of a folder as the server wants it.
fn collect(folder: &Path, below: &str, pages: &mut BTreeMap<String, Page>) -> Result<(), Error> {
    for entry in std::fs::read_dir(folder).map_err(HostError::read(folder))? {
        let path = entry.map_err(HostError::read(folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let address = format!("{below}/{name}");
        if path.is_dir() {
            collect(&path, &address, pages)?;
            continue;
        }
        let bytes = std::fs::read(&path).map_err(HostError::read(&path))?;
        let digest = Sha256::digest(&bytes);
        let page = Page {
            kind: kind(&name),
            tag: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            bytes,
        };
        if name == "index.html" {
            pages.insert(format!("{below}/"), page.clone());
        }
        pages.insert(address, page);
    }
    Ok(())
}

/// `content-type` by the end of a name: those that mdBook writes.
fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        Some("json") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
