//! Puts completions and man pages where a shell and `man` find them, and packs them.

use std::path::{Path, PathBuf};

use clap::Command;
use flate2::{Compression, GzBuilder};
use host::env::Env;
use host::{Error as HostError, files};
use image_config::Images;

use crate::args::Shell;
use crate::completions::Values;
use crate::error::Error;
use crate::files::{Completions, File, Home, of_system};

/// What was written, and what is left to a person.
#[derive(Debug, Default)]
pub struct Installed {
    /// The files.
    pub files: Vec<PathBuf>,
    /// What to do by hand.
    pub notes: Vec<String>,
}

/// The folders of this person.
///
/// # Errors
/// [`Error::NoHome`].
pub(crate) fn home(env: &Env) -> Result<Home, Error> {
    let home = env.home.clone().ok_or(Error::NoHome)?;
    let config = env.auth.config_home.clone();
    Ok(Home {
        config: config.unwrap_or_else(|| home.join(".config")),
        data: env
            .data_home
            .clone()
            .unwrap_or_else(|| home.join(".local/share")),
        home,
    })
}

/// The completions of a checkout, for one shell.
///
/// # Errors
/// If there is no home, or a file cannot be written.
pub(crate) fn completions(
    env: &Env,
    command: &Command,
    values: &Values,
    shell: Shell,
) -> Result<Installed, Error> {
    let Completions { file, line, note } = home(env)?.completions(shell, command, values);
    let mut all = Installed {
        files: vec![put(&file)?],
        notes: note.into_iter().collect(),
    };
    if let Some((path, line)) = line
        && append(&path, &line)?
    {
        all.files.push(path);
    }
    Ok(all)
}

/// The man pages.
///
/// # Errors
/// If there is no home, or a file cannot be written.
pub(crate) fn man_pages(env: &Env, command: &Command) -> Result<Installed, Error> {
    let home = home(env)?;
    let pages = home.man_pages(command);
    let found = env.path.contains(&home.home.join(".local/bin"));
    let note = format!(
        "`man` finds them where PATH has ~/.local/bin, or with MANPATH={}:",
        home.data.join("man").display()
    );
    Ok(Installed {
        files: pages.iter().map(put).collect::<Result<_, _>>()?,
        notes: if found { Vec::new() } else { vec![note] },
    })
}

/// The shell that this person logs in with.
///
/// # Errors
/// [`Error::NoShell`] if it is none that has completions.
pub fn shell_of(env: &Env) -> Result<Shell, Error> {
    let name = env.shell.as_deref().and_then(Path::file_name);
    let name = name.map(|name| name.to_string_lossy().into_owned());
    match name.as_deref() {
        Some("bash") => Ok(Shell::Bash),
        Some("zsh") => Ok(Shell::Zsh),
        Some("fish") => Ok(Shell::Fish),
        _ => Err(Error::NoShell(name.unwrap_or_default())),
    }
}

/// For a new repository: the completions of a shell, and the man pages.
///
/// # Errors
/// If there is no home, or a file cannot be written.
pub fn of_repository(
    env: &Env,
    command: &Command,
    root: &Path,
    shell: Shell,
) -> Result<Installed, Error> {
    let images = Images::load(&root.join("image.yaml")).ok();
    let values = Values::of(root, images.as_ref());
    let mut all = completions(env, command, &values, shell)?;
    let pages = man_pages(env, command)?;
    all.files.extend(pages.files);
    all.notes.extend(pages.notes);
    Ok(all)
}

/// Appends a line to a file of the person's, if it is not in it; whether it was not.
fn append(path: &Path, line: &str) -> Result<bool, Error> {
    let mut text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(HostError::read(path)(error).into()),
    };
    if text.lines().any(|one| one == line) {
        return Ok(false);
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(line);
    text.push('\n');
    files::write(path, text.as_bytes()).map_err(HostError::write(path))?;
    Ok(true)
}

fn put(file: &File) -> Result<PathBuf, Error> {
    if let Some(folder) = file.path.parent() {
        files::make_dir(folder)?;
    }
    files::write(&file.path, &file.bytes).map_err(HostError::write(&file.path))?;
    Ok(file.path.clone())
}

/// An archive of all of it, by paths from the root of a system. The same grammar and the
/// same checkout give the same bytes: no time and no owner of this machine is in it.
///
/// # Errors
/// Never: it is written into memory.
pub(crate) fn archive(command: &Command, values: &Values) -> std::io::Result<(Vec<u8>, usize)> {
    let files = of_system(command, values);
    let packed = GzBuilder::new().write(Vec::new(), Compression::best());
    let mut archive = tar::Builder::new(packed);
    for file in &files {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        archive.append_data(&mut header, &file.path, file.bytes.as_slice())?;
    }
    Ok((archive.into_inner()?.finish()?, files.len()))
}
