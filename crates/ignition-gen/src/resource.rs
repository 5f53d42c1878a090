//! Contents of files, keys and configs: from `inline` and `local` to a URL.

use crate::context::Context;
use crate::files::{FileError, clean};
use crate::tree::{Name, Node};
use crate::{contents, embedded_config};

pub(crate) const NO_FILES_DIR: &str =
    "local file paths are relative to a files directory that must be specified with -d/--files-dir";
const OUTSIDE: &str = "local file path traverses outside the files directory";

/// Replaces `inline` and `local` of a resource by its URL.
pub(crate) fn lower(context: &mut Context, node: &mut Node) {
    let inline = node.take(Name::Inline);
    let local = node.take(Name::Local);
    let compression = node.str_or_empty(Name::Compression).to_string();
    if let Some(local) = local {
        match read(context, local.as_text().map_or("", |path| &**path)) {
            Ok(contents) => set_contents(context, node, &contents, &compression, local.from),
            Err(message) => {
                context.error(local.from, &[], message);
                return;
            }
        }
    }
    if let Some(inline) = inline {
        let contents = inline.as_bytes().unwrap_or_default();
        if context.minor == 0 {
            // The first version knows neither base64 nor compression.
            node.set(
                Name::Source,
                Node::text(contents::escaped(contents), inline.from),
            );
        } else {
            set_contents(context, node, contents, &compression, inline.from);
        }
    }
}

/// Like [`lower`], for a config. The reference checks inline ones only.
pub(crate) fn lower_config(context: &mut Context, node: &mut Node) {
    if context.safe
        && context.minor >= 1
        && let Some(local) = node.get(Name::Local)
        && let Ok(contents) = read(context, local.as_text().map_or("", |path| &**path))
    {
        embedded_config::check(context, node, local.from, &contents);
    }
    lower(context, node);
}

/// Sets source and compression. `compression` is what the user wrote: if it is
/// not empty, the contents count as compressed already.
pub(crate) fn set_contents(
    context: &mut Context,
    node: &mut Node,
    contents: &[u8],
    compression: &str,
    from: crate::tree::PathId,
) {
    let (url, compressed) = contents::shortest(contents, compression.is_empty(), &mut context.gzip);
    node.set(Name::Source, Node::text(url, from));
    if compression.is_empty() {
        node.set(
            Name::Compression,
            Node::text(if compressed { "gzip" } else { "" }, from),
        );
    }
}

/// A local path inside the files directory, and how messages call it.
pub(crate) fn resolve(context: &Context, path: &str) -> Result<(String, String), String> {
    let Some(base) = context.files.name() else {
        return Err(NO_FILES_DIR.into());
    };
    // Absolute paths are taken inside the directory too.
    let base = clean(base);
    let shown = clean(&format!("{base}/{path}"));
    if shown == base {
        return Ok((String::new(), shown));
    }
    let inside = match base.as_str() {
        "." => Some(shown.as_str()).filter(|path| !path.starts_with('/')),
        "/" => shown.strip_prefix('/'),
        base => shown
            .strip_prefix(base)
            .and_then(|rest| rest.strip_prefix('/')),
    };
    match inside {
        Some(inside) if inside != ".." && !inside.starts_with("../") => {
            Ok((inside.to_string(), shown))
        }
        _ => Err(OUTSIDE.into()),
    }
}

/// Reads a local file; the error is the message.
pub(crate) fn read(context: &Context, path: &str) -> Result<Vec<u8>, String> {
    let (inside, shown) = resolve(context, path)?;
    context.files.read(&inside).map_err(|error| match error {
        FileError::IsADirectory => format!("read {shown}: {error}"),
        error => format!("open {shown}: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ignition;

    #[test]
    fn inline_contents() {
        let contents = |minor, contents: &str| {
            let ignition = ignition(
                minor,
                &format!("storage: {{files: [{{path: /a, contents: {contents}}}]}}"),
            );
            ignition[r#"{"storage":{"files":[{"path":"/a","contents":"#.len()..ignition.len() - 4]
                .to_string()
        };
        assert_eq!(contents(0, "{inline: a b}"), r#"{"source":"data:,a%20b"}"#);
        assert_eq!(
            contents(1, "{inline: a b}"),
            r#"{"compression":"","source":"data:,a%20b"}"#
        );
        assert_eq!(
            contents(1, "{inline: a, compression: gzip}"),
            r#"{"compression":"gzip","source":"data:,a"}"#
        );
        assert_eq!(
            contents(1, "{inline: !!binary /w==}"),
            r#"{"compression":"","source":"data:,%FF"}"#
        );
    }

    #[test]
    fn paths_stay_inside() {
        let resolved = |base: &str, path: &str| {
            let files = crate::DirFiles::new(base);
            resolve(&Context::new(7, None, &files, true), path)
        };
        let found = |inside: &str, shown: &str| Ok((inside.to_string(), shown.to_string()));
        assert_eq!(resolved("d/", "a/./b"), found("a/b", "d/a/b"));
        assert_eq!(resolved("d", "/a"), found("a", "d/a"));
        assert_eq!(resolved("d", ""), found("", "d"));
        assert_eq!(resolved(".", "a"), found("a", "a"));
        assert_eq!(resolved("/", "a"), found("a", "/a"));
        assert_eq!(resolved("d", "../d/a"), found("a", "d/a"));
        for (base, path) in [
            ("d", "../x"),
            ("d", "a/../../x"),
            (".", "../x"),
            ("..", "../x"),
            ("d", "../dx"),
        ] {
            assert_eq!(
                resolved(base, path),
                Err(OUTSIDE.to_string()),
                "{base} {path}"
            );
        }
    }
}
