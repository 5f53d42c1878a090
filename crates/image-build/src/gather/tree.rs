//! The files of a folder as bytes to digest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use image_config::{Content, images_of};
use registry_compat::{Digest, ImageRef};

use crate::error::Error;

/// Every file below a folder as bytes to digest: relative path, the executable bit,
/// length and content, in the order of the paths. Independent of time, owner and the
/// other mode bits, which a checkout does not keep.
///
/// # Errors
/// [`host::Error::File`] if one cannot be read.
pub fn tree(folder: &Path) -> Result<Vec<u8>, Error> {
    use std::os::unix::fs::PermissionsExt;
    let mut files = Vec::new();
    list(folder, &mut files)?;
    files.sort();
    let mut bytes = Vec::new();
    for path in files {
        let wrong = |source| host::Error::File {
            verb: "read",
            path: path.clone(),
            source,
        };
        let meta = std::fs::symlink_metadata(&path).map_err(wrong)?;
        let (kind, content) = if meta.is_symlink() {
            let target = std::fs::read_link(&path).map_err(wrong)?;
            ("link", target.to_string_lossy().into_owned().into_bytes())
        } else if meta.permissions().mode() & 0o100 != 0 {
            ("program", std::fs::read(&path).map_err(wrong)?)
        } else {
            ("file", std::fs::read(&path).map_err(wrong)?)
        };
        let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy();
        let head = format!("{kind} {} {name}\0{}\0", name.len(), content.len());
        bytes.extend(head.into_bytes());
        bytes.extend(content);
    }
    Ok(bytes)
}

/// A digest over each file or folder that the content names.
///
/// # Errors
/// [`host::Error::File`] if one cannot be read.
pub fn digests(root: &Path, content: &Content) -> Result<BTreeMap<String, Digest>, Error> {
    let mut all = BTreeMap::new();
    for (_, name) in content.sources() {
        let path = root.join(&name);
        let bytes = match path.is_dir() {
            true => tree(&path)?,
            false => std::fs::read(&path).map_err(host::Error::read(&path))?,
        };
        all.insert(name, Digest::of(&bytes));
    }
    Ok(all)
}

/// The images that each stage builds on.
///
/// # Errors
/// [`host::Error::File`] if a Containerfile cannot be read, [`Error::Usage`] if it
/// names an image other than by digest.
pub fn stage_images(
    root: &Path,
    content: &Content,
) -> Result<BTreeMap<String, Vec<ImageRef>>, Error> {
    let mut all = BTreeMap::new();
    for stage in content.stages.iter() {
        let file = format!("{}/Containerfile", Content::stage_folder(stage));
        let path = root.join(&file);
        let text = std::fs::read_to_string(&path).map_err(host::Error::read(&path))?;
        let names = images_of(&text)
            .map_err(|(line, detail)| Error::Usage(format!("{file}:{line}: {detail}")))?;
        let images: Result<Vec<ImageRef>, _> = names.iter().map(|name| name.parse()).collect();
        all.insert(stage.to_string(), images?);
    }
    Ok(all)
}

/// Every file below a folder: its path, relative to it, and its content.
///
/// # Errors
/// [`host::Error::File`] if one cannot be read.
pub fn files(folder: &Path) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let mut paths = Vec::new();
    list(folder, &mut paths)?;
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let content = std::fs::read(&path).map_err(host::Error::read(&path))?;
            let name = path.strip_prefix(folder).unwrap_or(&path);
            Ok((name.to_string_lossy().into_owned(), content))
        })
        .collect()
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let wrong = |source| host::Error::File {
        verb: "read",
        path: folder.to_owned(),
        source,
    };
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        let meta = std::fs::symlink_metadata(&path).map_err(wrong)?;
        if meta.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_known_by_names_modes_and_content() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let bytes = tree(&root.join("src")).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.starts_with("file 9 asking.rs\0"), "{}", &text[..40]);
        assert!(text.contains("file 14 gather/tree.rs\0"));
        assert!(tree(&root.join("no-such-folder")).is_err());
    }
}
